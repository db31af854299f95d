//! What the service makes of a prompt of `mj-v7`: pictures first, then words, then parameters; and what it refuses.

use super::answer::Refusal;
use super::scenario::Speed;

/// Most characters of a prompt.
const LONGEST: usize = 8192;

/// Parameters this interface does not have.
const UNSUPPORTED: [&str; 13] =
    ["repeat", "r", "relax", "stop", "cref", "cw", "p", "profile", "stealth", "public", "v", "version", "niji"];

/// Parameters that are cut out: the speed comes from `model_params` only.
const CUT_OUT: [&str; 3] = ["draft", "fast", "turbo"];

/// Names that mean the same.
const ALIASES: [(&str, &str); 6] =
    [("aspect", "ar"), ("stylize", "s"), ("chaos", "c"), ("weird", "w"), ("quality", "q"), ("experimental", "exp")];

/// Parameters with one number, and its range.
const NUMBERS: [(&str, f64, f64); 9] = [
    ("c", 0.0, 100.0),
    ("s", 0.0, 1000.0),
    ("w", 0.0, 3000.0),
    ("exp", 0.0, 100.0),
    ("iw", 0.0, 3.0),
    ("sw", 0.0, 1000.0),
    ("sv", 1.0, 6.0),
    ("ow", 1.0, 1000.0),
    ("seed", 0.0, 4_294_967_295.0),
];

/// A prompt that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// The words without pictures and parameters.
    pub words: String,
    /// The whole text as it was sent.
    pub text: String,
    /// The number after `--seed`.
    pub seed: Option<u64>,
    /// How often the price of the speed is reserved: `--q` and `--oref` make a run dearer.
    pub price_factor: u32,
}

/// One parameter with what follows it.
struct Parameter<'a> {
    name: String,
    values: Vec<&'a str>,
}

/// Checks a prompt for a speed.
pub(super) fn read(text: &str, speed: Speed) -> Result<Prompt, Refusal> {
    let wrong = |reason: String| Refusal::field("prompt", reason);
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong("prompt is required and must be a string".into()));
    }
    if text.chars().count() > LONGEST {
        return Err(wrong("prompt must have at most 8192 characters".into()).with("max", LONGEST));
    }
    if has_permutation(text) {
        return Err(unsupported("permutations in {} are not supported"));
    }
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let head = tokens.iter().position(|token| is_parameter(token)).unwrap_or(tokens.len());
    let (head, tail) = tokens.split_at(head);
    if let Some(token) = tokens.iter().find(|token| !is_parameter(token) && has_inner_parameter(token)) {
        return Err(wrong(format!("a space is needed before the parameter in '{}'", shortened(token))));
    }
    let pictures = head.iter().take_while(|token| is_picture(token)).count();
    let words = head[pictures..].join(" ");
    if pictures == 1 && words.is_empty() {
        return Err(wrong("one image without text is not enough".into()));
    }
    if pictures == 0 && words.is_empty() {
        return Err(wrong("a prompt needs words or images before its parameters".into()));
    }
    let parameters = parameters(tail);
    let given = |name: &str| parameters.iter().find(|one| one.name == name);
    for one in &parameters {
        check(one, &wrong)?;
    }
    if words.contains("::") {
        return Err(unsupported("weights with :: are supported in --sref only"));
    }
    let (drafted, fast) = (speed == Speed::Draft, speed == Speed::Fast);
    let quality = given("q").and_then(|one| one.values.first()).and_then(|value| value.parse::<u32>().ok()).unwrap_or(1);
    let conflicts = [
        (drafted && given("tile").is_some(), "--tile does not go with a draft"),
        (!fast && given("oref").is_some(), "--oref goes with speed fast only"),
        (given("oref").is_some() && quality >= 4, "--oref does not go with --q 4"),
        (words.is_empty() && (given("s").is_some() || given("w").is_some()), "--s and --w need words"),
        ((given("sv").is_some() || given("sw").is_some()) && given("sref").is_none(), "--sv and --sw need --sref"),
        (given("iw").is_some() && pictures == 0, "--iw needs an image"),
        (given("ow").is_some() && given("oref").is_none(), "--ow needs --oref"),
        (given("sref").is_some() && words.is_empty(), "--sref needs words"),
    ];
    if let Some((_, reason)) = conflicts.iter().find(|(conflict, _)| *conflict) {
        return Err(wrong((*reason).to_owned()));
    }
    let number = given("seed").and_then(|one| one.values.first()).and_then(|value| value.parse().ok());
    let price_factor = quality * if given("oref").is_some() { 2 } else { 1 };
    Ok(Prompt { words, text: text.to_owned(), seed: number, price_factor })
}

fn unsupported(reason: &str) -> Refusal {
    Refusal { param: Some("prompt".into()), ..Refusal::new(400, "unsupported_parameters", reason) }
}

fn shortened(token: &str) -> String {
    token.chars().take(40).collect()
}

/// Whether a word begins a parameter: two hyphens and a letter.
fn is_parameter(token: &str) -> bool {
    token.strip_prefix("--").is_some_and(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// Whether a parameter was glued to the word before it.
fn has_inner_parameter(token: &str) -> bool {
    let link = token.starts_with("http://") || token.starts_with("https://");
    !link && token.match_indices("--").any(|(at, _)| at > 0 && is_parameter(&token[at..]))
}

/// Whether a word is the address of a picture.
fn is_picture(token: &str) -> bool {
    let path = token.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    (path.starts_with("http://") || path.starts_with("https://"))
        && [".png", ".gif", ".webp", ".jpg", ".jpeg"].iter().any(|end| path.ends_with(end))
}

/// Whether there are alternatives in braces.
fn has_permutation(text: &str) -> bool {
    text.match_indices('{').any(|(at, _)| text[at..].split_once('}').is_some_and(|(inside, _)| inside.contains(',')))
}

fn parameters<'a>(tail: &[&'a str]) -> Vec<Parameter<'a>> {
    let mut parameters: Vec<Parameter<'a>> = Vec::new();
    for token in tail {
        match (token.strip_prefix("--").filter(|_| is_parameter(token)), parameters.last_mut()) {
            (Some(name), _) => {
                let name = name.to_ascii_lowercase();
                let name = ALIASES.iter().find(|(long, _)| *long == name).map_or(name, |(_, short)| (*short).to_owned());
                parameters.push(Parameter { name, values: Vec::new() });
            }
            (None, Some(last)) => last.values.push(token),
            (None, None) => {}
        }
    }
    parameters
}

/// The rules of one parameter alone; one that nobody knows is let through.
fn check(one: &Parameter<'_>, wrong: &impl Fn(String) -> Refusal) -> Result<(), Refusal> {
    let name = one.name.as_str();
    if UNSUPPORTED.contains(&name) {
        return Err(unsupported(&format!("--{} is not supported", shortened(name))));
    }
    let single = || match one.values.as_slice() {
        [value] => Ok(*value),
        [] => Err(wrong(format!("--{name} needs a value"))),
        _ => Err(wrong(format!("words after --{name}: parameters stand at the end of the prompt"))),
    };
    if let Some((_, least, most)) = NUMBERS.iter().find(|(known, ..)| *known == name) {
        let value = single()?.parse::<f64>().ok().filter(|value| (*least..=*most).contains(value));
        let whole = value.filter(|value| name == "iw" || value.fract() == 0.0);
        return whole.map(|_| ()).ok_or_else(|| {
            wrong(format!("--{name} must be a number between {least} and {most}")).with("min", *least).with("max", *most)
        });
    }
    match name {
        "ar" => {
            let side = |text: &str| text.parse::<u32>().is_ok_and(|side| side > 0);
            let good = single()?.split_once(':').is_some_and(|(width, height)| side(width) && side(height));
            if good { Ok(()) } else { Err(wrong("--ar must be two whole numbers like 3:2".into())) }
        }
        "q" if ["1", "2", "4"].contains(&single()?) => Ok(()),
        "q" => Err(wrong("--q must be 1, 2 or 4".into()).with("allowed_values", vec![1, 2, 4])),
        "sref" | "oref" if one.values.is_empty() => Err(wrong(format!("--{name} needs a value"))),
        "oref" => single().map(|_| ()),
        "tile" | "raw" if !one.values.is_empty() => {
            Err(wrong(format!("words after --{name}: parameters stand at the end of the prompt")))
        }
        _ if CUT_OUT.contains(&name) && !one.values.is_empty() => {
            Err(wrong(format!("words after --{name}: parameters stand at the end of the prompt")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, speed: Speed) -> (String, String) {
        let refusal = read(text, speed).expect_err(text);
        assert_eq!((refusal.status, refusal.param.as_deref()), (400, Some("prompt")), "{text}");
        (refusal.code, refusal.message)
    }

    #[test]
    fn good_prompts_are_taken_apart() {
        let prompt = read("lighthouse in fog, oil --ar 3:2 --s 250 --seed 7 --chaos 20 --raw --unheard of", Speed::Draft);
        let prompt = prompt.expect("good");
        assert_eq!((prompt.words.as_str(), prompt.seed, prompt.price_factor), ("lighthouse in fog, oil", Some(7), 1));
        for good in [
            "https://x.example/a.png a boat --iw 2.5",
            "https://x.example/a.png https://x.example/b.JPG?x=1",
            "a boat --sref https://x.example/a.png::2 123 --sv 4 --sw 100",
            "a boat --draft --turbo --no fog, rain",
            "a well--known boat {once} — at dawn",
            "a boat --q 1",
        ] {
            // `well--known` looks like a parameter that lost its space.
            assert_eq!(read(good, Speed::Draft).is_ok(), !good.contains("well--known"), "{good}");
        }
        assert!(read("a boat --tile", Speed::Fast).is_ok());
        assert_eq!(read("a boat --oref https://x.example/a.png --q 2", Speed::Fast).expect("good").price_factor, 4);
    }

    #[test]
    fn every_refusal_has_its_reason() {
        for (text, wanted) in [
            ("--ar 3:2", "needs words or images"),
            ("https://x.example/a.png", "one image"),
            ("https://x.example/a.png --ar 3:2", "one image"),
            ("a boat --c 101", "between 0 and 100"),
            ("a boat --s -1", "between 0 and 1000"),
            ("a boat --w 3001", "between 0 and 3000"),
            ("a boat --exp x", "between 0 and 100"),
            ("a boat --sref 1 --sv 0", "between 1 and 6"),
            ("a boat --sref 1 --sw 1001", "between 0 and 1000"),
            ("a boat --seed 4294967296", "between 0 and 4294967295"),
            ("a boat --seed 1.5", "--seed must be"),
            ("https://x.example/a.png b --iw 3.5", "between 0 and 3"),
            ("a boat --ar 3:2.5", "whole numbers"),
            ("a boat --ar wide", "whole numbers"),
            ("a boat --s", "needs a value"),
            ("a boat --s 5 at dawn", "stand at the end"),
            ("a boat --tile at dawn", "stand at the end"),
            ("a boat--ar 3:2", "a space is needed"),
            ("a boat --q 3", "--q must be"),
            ("a boat --tile", "does not go with a draft"),
            ("a boat --oref https://x.example/a.png", "speed fast only"),
            ("https://x.example/a.png https://x.example/b.png --s 5", "need words"),
            ("a boat --sv 4", "need --sref"),
            ("a boat --iw 1", "needs an image"),
            ("a boat --ow 5", "needs --oref"),
            ("https://x.example/a.png https://x.example/b.png --sref 5", "--sref needs words"),
        ] {
            let (code, message) = refused(text, Speed::Draft);
            assert!(code == "invalid_parameters" && message.contains(wanted), "{text}: {code} {message}");
        }
        let (_, message) = refused("a boat --oref https://x.example/a.png --q 4", Speed::Fast);
        assert!(message.contains("--q 4"), "{message}");
        for name in UNSUPPORTED {
            assert_eq!(refused(&format!("a boat --{name} 5"), Speed::Fast).0, "unsupported_parameters", "{name}");
        }
        for text in ["{red, blue} boat", "boat::2 sea::1"] {
            assert_eq!(refused(text, Speed::Fast).0, "unsupported_parameters", "{text}");
        }
    }
}
