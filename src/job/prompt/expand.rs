//! `{red, blue} boat`: one line for several prompts.
//!
//! A group holds choices with commas between them; groups stand beside and inside each other. A backslash takes the meaning from the
//! brace or, inside a group, the comma behind it. Two backslashes there are one plain backslash; anywhere else a backslash is
//! itself.

use super::error::PromptError;

/// The most prompts that one line may stand for.
pub const MOST_VARIANTS: usize = 40;

/// The most characters of a line with choices: far more than anyone types, so that a pasted file is refused quickly.
const MOST_OF_LINE: usize = 65_536;

/// Texts that a part of a line stands for: the first of them, and how many there are.
struct Variants {
    /// At most one more than may be sent; the rest is only counted.
    texts: Vec<String>,
    count: u64,
}

impl Variants {
    fn none() -> Self {
        Self { texts: Vec::new(), count: 0 }
    }

    fn one_empty() -> Self {
        Self { texts: vec![String::new()], count: 1 }
    }

    fn push(&mut self, c: char) {
        for text in &mut self.texts {
            text.push(c);
        }
    }

    /// Each of these followed by each of those.
    fn followed_by(&mut self, those: &Self) {
        self.count = self.count.saturating_mul(those.count);
        let pairs = self.texts.iter().flat_map(|a| those.texts.iter().map(move |b| format!("{a}{b}")));
        self.texts = pairs.take(MOST_VARIANTS + 1).collect();
    }

    /// A finished choice beside the others of its group.
    fn add_choice(&mut self, choice: &Self) {
        self.count = self.count.saturating_add(choice.count);
        let room = (MOST_VARIANTS + 1).saturating_sub(self.texts.len());
        self.texts.extend(choice.texts.iter().take(room).map(|text| text.trim().to_owned()));
    }
}

/// A group that is open.
struct Group {
    /// Where its brace stands.
    position: usize,
    /// What stands before it, in the choice or line around it.
    before: Variants,
    /// Its choices that are finished.
    choices: Variants,
}

/// The texts that a line stands for, the last group changing first; the line itself if it has no group.
///
/// # Errors
/// A brace without its other one, a choice without text, too many variants, or a line that is too long.
pub fn expand(line: &str) -> Result<Vec<String>, PromptError> {
    let characters = line.chars().count();
    if characters > MOST_OF_LINE {
        return Err(PromptError::TooLong { characters });
    }
    let mut open: Vec<Group> = Vec::new();
    let mut now = Variants::one_empty();
    let mut rest = line.chars().enumerate().peekable();
    while let Some((index, c)) = rest.next() {
        let position = index + 1;
        let is_special = |c: char| matches!(c, '{' | '}') || (c == ',' && !open.is_empty());
        if c == '\\' {
            let mut backslashes = 1_usize;
            while rest.next_if(|(_, c)| *c == '\\').is_some() {
                backslashes += 1;
            }
            let special = rest.peek().map(|(_, c)| *c).filter(|c| is_special(*c));
            let kept = if special.is_some() { backslashes / 2 } else { backslashes };
            for _ in 0..kept {
                now.push('\\');
            }
            if let Some(plain) = special.filter(|_| backslashes % 2 == 1) {
                rest.next();
                now.push(plain);
            }
            continue;
        }
        match c {
            '{' => open.push(Group {
                position,
                before: std::mem::replace(&mut now, Variants::one_empty()),
                choices: Variants::none(),
            }),
            ',' | '}' if is_special(c) => {
                let Some(group) = open.last_mut() else { return Err(PromptError::UnopenedBrace { position }) };
                if now.texts.iter().any(|text| text.trim().is_empty()) {
                    return Err(PromptError::EmptyChoice { position });
                }
                group.choices.add_choice(&now);
                now = Variants::one_empty();
                if c == '}'
                    && let Some(group) = open.pop()
                {
                    now = group.before;
                    now.followed_by(&group.choices);
                }
            }
            c => now.push(c),
        }
    }
    if let Some(group) = open.first() {
        return Err(PromptError::UnclosedBrace { position: group.position });
    }
    if now.texts.len() > MOST_VARIANTS {
        return Err(PromptError::TooManyVariants { count: now.count });
    }
    Ok(now.texts)
}

/// The line that stands for exactly this text.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut backslashes = 0;
    for c in text.chars() {
        if matches!(c, '{' | '}') {
            out.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        out.push(c);
    }
    out
}
