//! The JSON Schema files of `docs/schema/`, and a validator for the words of JSON Schema (draft 2020-12) that they use.
//!
//! A word that the validator does not know fails, so that nothing in a schema goes unchecked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// Words that say something to people only. `format` stands beside a `pattern` that says the same.
const FOR_PEOPLE: [&str; 6] = ["$schema", "title", "description", "$defs", "format", "default"];

/// The schema of the configuration file; it lies in `docs/`.
pub const CONFIG: &str = "config.schema.json";

/// Words that say something about a value alone.
const ASSERTIONS: [&str; 10] =
    ["type", "const", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "required"];

/// Every schema by the name of its file.
pub fn files() -> &'static BTreeMap<String, Value> {
    static FILES: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
        let read = |path: &Path| serde_json::from_str(&std::fs::read_to_string(path).unwrap());
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .chain([Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(CONFIG)])
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let schema = read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
                (name, schema)
            })
            .collect()
    })
}

/// The schema of what a command prints, from its arguments: `["config", "check", "--json"]` is `config-check.json`.
/// `None` where no command is among them.
pub fn of_command<'a>(args: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut args = args.into_iter();
    let of = |name: &str| Some(format!("{name}.json")).filter(|file| files().contains_key(file));
    let name = args.find(|arg| *arg == "config" || of(arg).is_some())?;
    if name != "config" {
        return of(name);
    }
    args.find_map(|arg| of(&format!("config-{arg}")))
}

/// Walks through a schema as [`check`] would and calls a function at each part; fails at unknown words and at references that
/// lead nowhere.
pub fn walk(file: &str, part: &mut impl FnMut(&Map<String, Value>)) {
    Schema { file, schema: &files()[file] }.walk(part);
}

/// Checks a value against a schema file.
///
/// # Errors
/// Where it does not fit, and why: the deepest place that the best alternative reached.
pub fn check(file: &str, value: &Value) -> Result<(), String> {
    let schema = files().get(file).ok_or_else(|| format!("there is no {file}"))?;
    Schema { file, schema }.check(value, "").map_err(|wrong| format!("{file}{}: {}", wrong.place, wrong.what))
}

/// Why a value does not fit.
struct Wrong {
    place: String,
    what: String,
}

fn wrong(place: &str, what: impl Into<String>) -> Result<(), Wrong> {
    Err(Wrong { place: place.to_owned(), what: what.into() })
}

/// A part of a file; references begin at the file.
#[derive(Clone, Copy)]
struct Schema<'a> {
    file: &'a str,
    schema: &'a Value,
}

impl<'a> Schema<'a> {
    fn at(self, schema: &'a Value) -> Self {
        Self { schema, ..self }
    }

    fn follow(self, reference: &str) -> Schema<'static> {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if file.is_empty() { self.file } else { file };
        let (file, root) = files().get_key_value(file).unwrap_or_else(|| panic!("{} refers to {file}", self.file));
        let schema = root.pointer(pointer).unwrap_or_else(|| panic!("{} refers to {reference}", self.file));
        Schema { file, schema }
    }

    fn walk(self, part: &mut impl FnMut(&Map<String, Value>)) {
        let Some(words) = self.schema.as_object() else { return assert!(self.schema.is_boolean(), "{}", self.file) };
        part(words);
        for (word, says) in words {
            match word.as_str() {
                "$ref" => drop(self.follow(says.as_str().unwrap())),
                "properties" | "$defs" => says.as_object().unwrap().values().for_each(|schema| self.at(schema).walk(part)),
                "anyOf" => says.as_array().unwrap().iter().for_each(|schema| self.at(schema).walk(part)),
                "items" | "additionalProperties" | "if" | "then" | "else" => self.at(says).walk(part),
                word => assert!(FOR_PEOPLE.contains(&word) || ASSERTIONS.contains(&word), "{}: {word:?} is not known", self.file),
            }
        }
    }

    fn check(self, value: &Value, place: &str) -> Result<(), Wrong> {
        let words = match self.schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return wrong(place, "is not foreseen"),
            Value::Object(words) => words,
            other => panic!("{}: {other} is no schema", self.file),
        };
        words.iter().try_for_each(|(word, says)| self.check_word(words, word, says, value, place))
    }

    fn check_word(
        self,
        words: &Map<String, Value>,
        word: &str,
        says: &'a Value,
        value: &Value,
        place: &str,
    ) -> Result<(), Wrong> {
        let length = |text: &str| text.chars().count() as u64;
        let fits = match word {
            "$ref" => return self.follow(says.as_str().unwrap()).check(value, place),
            "type" => match says {
                Value::Array(types) => types.iter().any(|one| is_type(value, one.as_str().unwrap())),
                one => is_type(value, one.as_str().unwrap()),
            },
            "const" => value == says,
            "enum" => says.as_array().unwrap().contains(value),
            "pattern" => {
                let pattern = Regex::new(says.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minLength" => value.as_str().is_none_or(|text| length(text) >= says.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| length(text) <= says.as_u64().unwrap()),
            "minimum" => value.as_f64().is_none_or(|number| number >= says.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= says.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= says.as_u64().unwrap()),
            "items" => {
                let mut items = value.as_array().into_iter().flatten().enumerate();
                return items.try_for_each(|(index, item)| self.at(says).check(item, &format!("{place}/{index}")));
            }
            "required" => {
                let missing = value
                    .as_object()
                    .and_then(|object| says.as_array().unwrap().iter().find(|name| !object.contains_key(name.as_str().unwrap())));
                return missing.map_or(Ok(()), |name| wrong(place, format!("has no {name}")));
            }
            "properties" => {
                let mut known =
                    value.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value, says.get(name)?)));
                return known.try_for_each(|(name, value, schema)| self.at(schema).check(value, &format!("{place}/{name}")));
            }
            "additionalProperties" => {
                let is_known = |name: &str| words.get("properties").is_some_and(|known| known.get(name).is_some());
                let mut others = value.as_object().into_iter().flatten().filter(|(name, _)| !is_known(name));
                return others.try_for_each(|(name, value)| self.at(says).check(value, &format!("{place}/{name}")));
            }
            "anyOf" => {
                let failed: Result<Vec<Wrong>, ()> =
                    says.as_array().unwrap().iter().map(|one| self.at(one).check(value, place).err().ok_or(())).collect();
                // One that fits is enough; else what came furthest says most.
                return match failed {
                    Err(()) => Ok(()),
                    Ok(failed) => Err(failed.into_iter().max_by_key(|wrong| wrong.place.len()).unwrap()),
                };
            }
            "if" => {
                let next = if self.at(says).check(value, place).is_ok() { "then" } else { "else" };
                return words.get(next).map_or(Ok(()), |schema| self.at(schema).check(value, place));
            }
            "then" | "else" => true,
            word if FOR_PEOPLE.contains(&word) => true,
            word => panic!("{}: the validator does not know {word:?}", self.file),
        };
        if fits { Ok(()) } else { wrong(place, format!("{value} does not fit {word} {says}")) }
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}
