//! What may be wrong with a prompt, and what is worth saying about one.

/// What a parameter needs beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needed {
    /// `--sref`.
    StyleReference,
    /// `--oref`, which a draft cannot have.
    ObjectReference,
    /// The address of a picture at the front.
    Picture,
    /// Words that describe something.
    Words,
}

/// Why a prompt cannot be sent. Positions are characters of the line, from 1; parameters stand as they were typed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a prompt that can be sent: {self:?}")]
pub enum PromptError {
    /// Nothing is there.
    Empty,
    /// The id of a task, or a line of JSON as `list` prints it: nobody wants pictures of that.
    NoWords,
    /// More than [`super::Prompt::MOST_CHARACTERS`], in the line or in what it stands for.
    TooLong {
        /// How many there are.
        characters: usize,
    },
    /// A control character or an invisible one; [`super::repaired`] takes it out.
    UnsafeCharacter {
        /// The first such character.
        character: char,
        /// Where it stands.
        position: usize,
    },
    /// A `{` without its `}`.
    UnclosedBrace {
        /// Where it stands.
        position: usize,
    },
    /// A `}` without its `{`.
    UnopenedBrace {
        /// Where it stands.
        position: usize,
    },
    /// Nothing between two commas or braces of a group.
    EmptyChoice {
        /// Where the choice ends.
        position: usize,
    },
    /// More than [`super::MOST_VARIANTS`].
    TooManyVariants {
        /// How many the line stands for; the largest number where there are more than it can count.
        count: u64,
    },
    /// A long dash where a parameter's two hyphens belong; some systems put it in their place while one types.
    LongDash {
        /// The parameter as it stands.
        written: String,
        /// The parameter as it was probably meant.
        meant: String,
    },
    /// A parameter that would count as words: with one or three hyphens, without a space before it or before its value.
    Misspelled {
        /// The parameter as it stands.
        written: String,
        /// The parameter as it was probably meant.
        meant: String,
    },
    /// Words behind the parameters.
    TextAfterParameters {
        /// The first of them.
        word: String,
    },
    /// A parameter that needs a value stands alone.
    MissingValue {
        /// Which.
        parameter: String,
    },
    /// A value that is not a number.
    NotANumber {
        /// Of which parameter.
        parameter: String,
        /// As it was typed.
        value: String,
        /// Whether it must be a whole number.
        whole: bool,
    },
    /// A number beyond the parameter's range.
    OutOfRange {
        /// Of which parameter.
        parameter: String,
        /// As it was typed.
        value: String,
        /// The least it may be.
        least: u32,
        /// The most it may be.
        most: u32,
    },
    /// A value of `--ar` that is not two whole numbers from 1 with a colon between them.
    NotARatio {
        /// The parameter.
        parameter: String,
        /// As it was typed.
        value: String,
    },
    /// A parameter that changes the price in an unpublished way: `--q` other than 1.
    UnknownPrice {
        /// Which.
        parameter: String,
    },
    /// A parameter that no draft can have: `--oref`, `--tile`.
    NotInDraft {
        /// Which.
        parameter: String,
    },
    /// A parameter that the service does not support.
    Unsupported {
        /// Which.
        parameter: String,
    },
    /// `::` outside of `--sref`.
    MultiPrompt {
        /// The word it stands in.
        word: String,
    },
    /// A parameter without what it belongs to.
    Needs {
        /// Which.
        parameter: String,
        /// What is missing.
        needed: Needed,
    },
    /// The address of one picture and no words.
    LonePicture,
    /// Parameters and nothing else.
    OnlyParameters,
}

/// What is worth saying about a prompt that can be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PromptRemark {
    /// `--draft`, `--fast`, `--turbo`: the service cuts it out, and the speed stays that of a draft.
    CutOut {
        /// The parameter as it was typed.
        parameter: String,
    },
    /// A parameter that is not known here; the service may know it.
    UnknownParameter {
        /// The parameter as it was typed.
        parameter: String,
    },
    /// A word that begins with a long dash: perhaps a parameter that is not known here.
    LongDash {
        /// The word as it was typed.
        word: String,
    },
    /// The address of a picture behind words; it counts only at the front.
    PictureAfterWords {
        /// The address.
        address: String,
    },
}
