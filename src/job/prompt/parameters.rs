//! The parameters of `mj-v7` (docs/service.md §4.2): which there are, and what they take in a draft.

/// What a parameter takes, and what it means for a draft.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rule {
    /// A whole number in a range.
    Whole(u32, u32),
    /// A number in a range, perhaps with a fraction.
    Number(u32, u32),
    /// Two whole numbers with a colon.
    Ratio,
    /// 1; anything else has another price.
    Quality,
    /// Words.
    Words,
    /// Addresses or codes of styles, with weights.
    StyleReference,
    /// Nothing.
    Flag,
    /// The address of an object's picture: not with a draft.
    ObjectReference,
    /// A flag that a draft cannot have.
    Tile,
    /// A flag that the service cuts out.
    CutOut,
    /// Not supported by the service.
    Unsupported,
}

/// Every parameter by its names, the shortest first.
const PARAMETERS: &[(&[&str], Rule)] = &[
    (&["ar", "aspect"], Rule::Ratio),
    (&["c", "chaos"], Rule::Whole(0, 100)),
    (&["s", "stylize"], Rule::Whole(0, 1_000)),
    (&["w", "weird"], Rule::Whole(0, 3_000)),
    (&["exp"], Rule::Whole(0, 100)),
    (&["iw"], Rule::Number(0, 3)),
    (&["sref"], Rule::StyleReference),
    (&["sw"], Rule::Whole(0, 1_000)),
    (&["sv"], Rule::Whole(1, 6)),
    (&["seed"], Rule::Whole(0, u32::MAX)),
    (&["q", "quality"], Rule::Quality),
    (&["no"], Rule::Words),
    (&["raw"], Rule::Flag),
    (&["oref"], Rule::ObjectReference),
    (&["ow"], Rule::Whole(1, 1_000)),
    (&["tile"], Rule::Tile),
    (&["draft"], Rule::CutOut),
    (&["fast"], Rule::CutOut),
    (&["turbo"], Rule::CutOut),
    (&["v", "version"], Rule::Unsupported),
    (&["niji"], Rule::Unsupported),
    (&["r", "repeat"], Rule::Unsupported),
    (&["relax"], Rule::Unsupported),
    (&["stop"], Rule::Unsupported),
    (&["cref"], Rule::Unsupported),
    (&["cw"], Rule::Unsupported),
    (&["p", "profile"], Rule::Unsupported),
    (&["stealth"], Rule::Unsupported),
    (&["public"], Rule::Unsupported),
];

/// The shortest name of a parameter and its rule, by any of its names in any case.
pub(super) fn find(name: &str) -> Option<(&'static str, Rule)> {
    PARAMETERS
        .iter()
        .find(|(names, _)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(names, rule)| (names[0], *rule))
}

/// Whether a parameter of this name takes one number, or two with a colon.
pub(super) fn takes_number(name: &str) -> bool {
    find(name).is_some_and(|(_, rule)| matches!(rule, Rule::Whole(..) | Rule::Number(..) | Rule::Ratio | Rule::Quality))
}
