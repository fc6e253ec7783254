//! Where a document begins: its title, and the dateline of a news agency.

use super::lexicon::{Lexicon, Role, Sign};
use super::units::Unit;

/// Characters of the longest line that is taken for a title.
const MAX_TITLE_CHARS: usize = 60;
/// Units of a text among which a dateline ends.
const DATELINE_UNITS: usize = 25;
/// Words of which one stands in a dateline.
const REPORTERS: [&str; 11] = [
    "记者",
    "通讯员",
    "本报",
    "本报讯",
    "新华社",
    "本报记者",
    "新华社记者",
    "中新社",
    "中新网",
    "讯",
    "电",
];

/// Returns the byte of the text at which the title on its first line ends, or 0.
///
/// A line is no title if it is long, or longer than what follows, or ends as a sentence does.
pub fn first_line_end(text: &str) -> u32 {
    let lead = text.len() - text.trim_start().len();
    let Some(len) = text[lead..].find('\n') else { return 0 };
    let (title, rest) = (text[lead..lead + len].trim(), text[lead + len..].trim());
    let n_chars = title.chars().count();
    let is_title = n_chars <= MAX_TITLE_CHARS
        && rest.chars().nth(n_chars).is_some()
        && !title.ends_with(['。', '；', '，', '：', ';', ',']);
    if is_title { (lead + len) as u32 } else { 0 }
}

/// Lets the dateline, such as `新华社北京7月1日电(记者张三)`, have no part in phrases.
pub fn strike_dateline(text: &str, title_end: u32, units: &mut [Unit], lexicon: &Lexicon) {
    let begin = units.iter().position(|unit| unit.start >= title_end && unit.role != Role::End);
    let Some(begin) = begin else { return };
    let body = &mut units[begin..];
    let (mut end, mut has_reporter) = (None, false);
    for (at, unit) in body.iter().take(DATELINE_UNITS).enumerate() {
        if unit.role == Role::End {
            break;
        }
        let word = unit.of(text);
        has_reporter |= REPORTERS.contains(&word);
        if matches!(word, "电" | "讯" | "本报讯")
            || is_dispatch(word)
            || word == "报道" && has_reporter
        {
            end = Some(at);
        }
    }
    let Some(mut end) = end.filter(|&end| has_reporter || is_dispatch(body[end].of(text))) else {
        return;
    };
    let sign = |at: usize| body.get(at).map(|unit| lexicon.word(unit.word).sign);
    if sign(end + 1) == Some(Sign::Bracket) {
        let within = (end + 2..body.len().min(end + DATELINE_UNITS))
            .find(|&at| sign(at) == Some(Sign::Closing));
        if let Some(closing) = within
            && body[end + 2..closing].iter().any(|unit| REPORTERS.contains(&unit.of(text)))
        {
            end = closing;
        }
    }
    for unit in &mut body[..=end] {
        if unit.role.is_within() {
            unit.role = Role::Stop;
        }
    }
}

fn is_dispatch(word: &str) -> bool {
    word.ends_with("日电") || word.ends_with("日讯")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_a_short_line_ahead_of_a_text() {
        for (text, is_title) in [
            ("工会的工作\n工会在职工之中工作。", true),
            ("\n  工会的工作\r\n工会在职工之中工作。", true),
            ("工会在职工之中工作。\n然后休息，然后再工作，很久很久。", false),
            ("工会在职工之中工作\n完", false),
            ("工会在职工之中工作", false),
        ] {
            assert_eq!(first_line_end(text) > 0, is_title, "{text}");
        }
        assert_eq!(first_line_end(&format!("{}\n{}", "题".repeat(61), "文".repeat(99))), 0);
    }
}
