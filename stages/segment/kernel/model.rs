//! What the compiled models and the program have to agree on.

/// jieba's log probability of what never occurs.
pub const NEVER: f64 = -3.14e100;

/// Mark of a state that emits a character without being among those that jieba looks at first.
pub const ONLY_EMITS: u16 = 0x100;

/// Number of no part of speech.
pub const NO_TAG: u8 = 0;
/// Number of `x`, for what no dictionary has.
pub const X: u8 = 1;
/// Number of `m`, for digits and full stops.
pub const M: u8 = 2;
/// Number of `eng`, for letters and digits.
pub const ENG: u8 = 3;
