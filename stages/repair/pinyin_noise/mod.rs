//! Takes pinyin notes that a crawled page is littered with out again, and undoes what they broke.
//!
//! Some sites convert simplified pages to traditional ones by replacing bytes in GBK, and put the
//! reading behind each character that changed: `進(jìn)步`. The replacement knows nothing of
//! characters, so it also hits the second byte of one and the first of the next. The note then
//! lands inside a character, and the page reads `獎(jiǎng)?wù)芦@得者` for 獎章獲得者.
//!
//! [`note`] cuts a line in pieces, [`gate`] tells noise from writing about the language, and
//! [`beam`] finds the bytes that were lost, by what [`style`], [`table`] and [`cache`] learn from
//! the text as a whole.

mod beam;
mod cache;
mod gate;
mod note;
mod style;
mod table;

use std::ops::Range;

use super::{log, logged};
use beam::{Budget, Clues, Exhausted, Mended, State, search};
use gate::Evidence;
use note::{Kind, Piece, may_hold_notes, piece_at};

use hanmill::document::GuessedByte;

use crate::stages::characters::forms::{has_reading, is_traditional};
use crate::stages::characters::gbk::gbk;
use crate::stages::characters::words::{Context, WordModel, word_model};

/// Times a line is gone over until nothing changes.
const MAX_ROUNDS: usize = 3;

/// Characters behind a fix that its score looks at.
const MAX_SCORED_BEHIND: usize = 4;

/// How far to go in undoing damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All that notes did to texts which are littered with them, and nothing in others.
    Littered,
    /// All that notes did, in any text.
    All,
    /// Whole notes only, in any text: the bytes that they tore apart are left.
    WholeNotes,
}

/// A stretch of a text to replace.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    /// What was wrong with it.
    pub kind: Damage,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What belongs there.
    pub after: String,
    /// Gain in the natural logarithm of the text's chance by the model of words, rounded to
    /// hundredths.
    ///
    /// Mostly well above zero; a reading that the notes prove may fall below.
    pub score: f32,
    /// The bytes in `after` that were lost, in GBK and in order.
    pub guessed: Vec<GuessedByte>,
}

/// What the notes did to a stretch of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A note was put behind a character.
    Note,
    /// A note was put inside a character, and the bytes behind it were decoded out of step.
    Misaligned,
}

impl Damage {
    /// Returns the kind as the log of repairs names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "pinyin_note",
            Self::Misaligned => "misaligned",
        }
    }
}

/// Finds what to replace in `text`, in order of the text, without overlap.
///
/// Applied to the result, finds nothing. Every line is mended by itself, by clues of all. Time is linear in the
/// length of the text, by the [`Budget`]: a text that takes more work is left alone.
pub fn find(text: &str, extent: Extent) -> Vec<Fix> {
    if !may_hold_notes(text) {
        return Vec::new();
    }
    let fixes = match extent {
        Extent::Littered if !Evidence::of(text).is_noise() => Vec::new(),
        Extent::Littered | Extent::All => {
            find_all(text, &mut Budget::for_text(text.len())).unwrap_or_default()
        }
        Extent::WholeNotes => whole_notes(text),
    };
    scored(text, fixes)
}

/// Finds notes on traditional characters that are read so.
fn whole_notes(text: &str) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let (mut at, mut prev) = (0, '\0');
    while let Some(piece) = piece_at(text, at) {
        at = piece.span.end;
        match piece.kind {
            Kind::Note(note) if is_traditional(prev) && has_reading(prev, note) => {
                fixes.push(Fix::note(piece.span));
            }
            _ => prev = text[piece.span].chars().next_back().unwrap_or(prev),
        }
    }
    fixes
}

/// Finds all that notes did.
fn find_all(text: &str, budget: &mut Budget) -> Result<Vec<Fix>, Exhausted> {
    let mut clues = Clues::of(text);
    for _ in 0..MAX_ROUNDS {
        let fixes = find_in_lines(text, &clues, budget)?;
        if fixes.is_empty() {
            return Ok(fixes);
        }
        let mended = apply(text, &fixes);
        // What was put back can turn the balance of the clues, where there is little to go by.
        clues = Clues::of(&mended);
        if find_in_lines(&mended, &clues, budget)?.is_empty() {
            return Ok(fixes);
        }
    }
    Ok(Vec::new())
}

fn find_in_lines(text: &str, clues: &Clues, budget: &mut Budget) -> Result<Vec<Fix>, Exhausted> {
    let mut fixes = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let found = mend_until_stable(line.strip_suffix('\n').unwrap_or(line), clues, budget)?;
        fixes.extend(
            found
                .into_iter()
                .map(|fix| Fix { span: fix.span.start + start..fix.span.end + start, ..fix }),
        );
        start += line.len();
    }
    Ok(fixes)
}

/// Gives each of `fixes` its score: how much likelier the text around it reads.
fn scored(text: &str, mut fixes: Vec<Fix>) -> Vec<Fix> {
    let mut context = WordModel::start();
    let mut kept_to = 0;
    for fix in &mut fixes {
        context = reading_on(context, text[kept_to..fix.span.start].chars()).0;
        let ln_chance = |part: &str| {
            let behind = text[fix.span.end..].chars().take(MAX_SCORED_BEHIND);
            reading_on(context, part.chars().chain(behind)).1
        };
        let gain = ln_chance(&fix.after) - ln_chance(&text[fix.span.clone()]);
        // More digits mean nothing, and the last ones differ from one machine to the next.
        fix.score = (gain * 100.0).round() / 100.0;
        context = reading_on(context, fix.after.chars()).0;
        kept_to = fix.span.end;
    }
    fixes
}

/// Returns the context behind `chars`, and the natural logarithm of their chance.
fn reading_on(context: Context, chars: impl Iterator<Item = char>) -> (Context, f32) {
    chars.fold((context, 0.0), |(context, sum), c| {
        let (context, ln_chance) = word_model().next(context, c);
        (context, sum + ln_chance)
    })
}

/// Replaces the spans of `fixes` in `text`.
pub fn apply(text: &str, fixes: &[Fix]) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut kept_to = 0;
    for fix in fixes {
        mended.push_str(&text[kept_to..fix.span.start]);
        mended.push_str(&fix.after);
        kept_to = fix.span.end;
    }
    mended.push_str(&text[kept_to..]);
    mended
}

/// Finds what to replace in a line so that nothing is left to replace.
///
/// Leaves a line alone that does not come to rest.
fn mend_until_stable(
    line: &str,
    clues: &Clues,
    budget: &mut Budget,
) -> Result<Vec<Fix>, Exhausted> {
    let mut fixes = mend(line, clues, budget)?;
    if fixes.is_empty() {
        return Ok(fixes);
    }
    for _ in 0..MAX_ROUNDS {
        let mended = apply(line, &fixes);
        let more = mend(&mended, clues, budget)?;
        if more.is_empty() {
            return Ok(fixes);
        }
        fixes = joined(line, fixes, &mended, more);
    }
    Ok(Vec::new())
}

/// Tells two goes over a line as one: what to replace in `line`, and then in what came of it.
fn joined(line: &str, first: Vec<Fix>, mended: &str, second: Vec<Fix>) -> Vec<Fix> {
    let log =
        |text: &str, fixes: Vec<Fix>| fixes.into_iter().map(|fix| logged(text, fix)).collect();
    let repairs = log::join(line, log(line, first), log(mended, second));
    let changes = repairs.into_iter().filter(|repair| repair.before != repair.after);
    changes
        .map(|repair| {
            let is_note = repair.kind == Damage::Note.name() && repair.after.is_empty();
            Fix {
                kind: if is_note { Damage::Note } else { Damage::Misaligned },
                span: repair.start as usize..repair.end as usize,
                after: repair.after,
                score: repair.score,
                guessed: repair.guessed,
            }
        })
        .collect()
}

/// Finds what to replace in a line, going over it once.
fn mend(line: &str, clues: &Clues, budget: &mut Budget) -> Result<Vec<Fix>, Exhausted> {
    let mut fixes = Vec::new();
    let (mut at, mut state) = (0, State::start());
    while let Some(piece) = piece_at(line, at) {
        at = piece.span.end;
        match piece.kind {
            Kind::Note(note) if state.is_read(note) => {
                fixes.push(Fix::note(piece.span));
                continue;
            }
            Kind::Torn(_) | Kind::Mark(_) if may_hide_byte(line, &piece, state) => {
                if let Some(solution) = search(line, piece.span.start, state, clues, budget)? {
                    fixes.extend(solution.mended.into_iter().map(Fix::from));
                    (at, state) = (solution.end, solution.state);
                    continue;
                }
            }
            _ => {}
        }
        state = line[piece.span].chars().fold(state, State::then);
    }
    Ok(fixes)
}

/// Tells whether a search from `piece` on may find that a byte was lost there.
fn may_hide_byte(line: &str, piece: &Piece<'_>, state: State) -> bool {
    if let Kind::Torn(note) = piece.kind {
        return state.may_precede_torn(note);
    }
    // Some decoders held on to `！` and its like, which the bytes only seemed to be, and gave up
    // the byte ahead of it. Elsewhere a question mark is a question mark.
    match piece_at(line, piece.span.end).map(|next| next.kind) {
        Some(Kind::Char(c)) => gbk().encode(c).is_some_and(|[lead, _]| lead == 0xA3),
        // So are several, unless they are two and the text goes on behind them.
        Some(Kind::Mark('?')) if piece.kind == Kind::Mark('?') => {
            let behind = line[piece.span.end + 1..].chars().next();
            behind.is_some_and(|c| !c.is_ascii() && !line[..piece.span.start].ends_with('?'))
        }
        Some(Kind::Mark(_)) => true,
        _ => false,
    }
}

impl Fix {
    /// Makes a fix that takes out a note.
    fn note(span: Range<usize>) -> Self {
        Self { kind: Damage::Note, span, after: String::new(), score: 0.0, guessed: Vec::new() }
    }
}

impl From<Mended> for Fix {
    fn from(mended: Mended) -> Self {
        let kind = if mended.is_note { Damage::Note } else { Damage::Misaligned };
        let Mended { span, after, guessed, .. } = mended;
        Self { kind, span, after, score: 0.0, guessed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::characters::forms;
    use crate::stages::characters::gbk::Gbk;
    use proptest::prelude::*;

    /// Litters `text` as a site does: replaces bytes, then decodes what came of it.
    ///
    /// `lone` is what the decoder writes for a byte that belongs to nothing; it takes the byte
    /// behind along.
    fn litter(text: &str, table: &str, lone: &str) -> String {
        let mut bytes = to_gbk(text);
        for c in table.chars().filter(|&c| is_traditional(c)) {
            let pair = gbk().encode(c).unwrap();
            let reading = forms::readings(c).next().unwrap();
            let noted = [&pair[..], b"(", &to_gbk(reading), b")"].concat();
            bytes = replace_bytes(&bytes, &pair, &noted);
        }
        from_gbk(&bytes, lone)
    }

    fn to_gbk(text: &str) -> Vec<u8> {
        let (bytes, _, unmappable) = encoding_rs::GBK.encode(text);
        assert!(!unmappable, "{text}");
        bytes.into_owned()
    }

    fn replace_bytes(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let mut replaced = Vec::new();
        let mut kept_to = 0;
        for at in memchr::memmem::find_iter(bytes, from) {
            replaced.extend_from_slice(&bytes[kept_to..at]);
            replaced.extend_from_slice(to);
            kept_to = at + from.len();
        }
        replaced.extend_from_slice(&bytes[kept_to..]);
        replaced
    }

    fn from_gbk(mut bytes: &[u8], lone: &str) -> String {
        let mut text = String::new();
        while let Some((&first, behind)) = bytes.split_first() {
            bytes = behind;
            if !Gbk::is_lead(first) {
                text.push(if first == 0x80 { '€' } else { char::from(first) });
                continue;
            }
            match bytes.split_first().and_then(|(&trail, _)| gbk().decode(first, trail)) {
                // Private-use characters don't live long in crawled text.
                Some('\u{E000}'..='\u{F8FF}') => {}
                Some(c) => text.push(c),
                None => text.push_str(lone),
            }
            bytes = bytes.get(1..).unwrap_or_default();
        }
        text
    }

    /// Checks that `text` comes back from noise made with `table`.
    fn check(text: &str, table: &str) {
        for lone in ["?", "\u{FFFD}"] {
            let noisy = litter(text, table, lone);
            assert_ne!(noisy, text);
            let fixes = find(&noisy, Extent::Littered);
            assert_eq!(apply(&noisy, &fixes), text, "from {noisy}\n{fixes:?}");
        }
    }

    #[test]
    fn undoes_notes_behind_characters() {
        check("我們沿著鐵路走了一個小時，終於看見車站的燈光。", "們鐵個時終見車燈");
        check("圖書館(東館)今年6·18起開放，《紅樓夢》可借2冊。", "圖書館東開紅樓夢冊");
    }

    #[test]
    fn undoes_notes_inside_characters() {
        check("勞動獎章獲得者，他們在榮譽面前不驕傲。", "動務獎冊譽");
    }

    #[test]
    fn undoes_notes_on_a_byte_that_passes_for_a_letter() {
        // 瓜 ends in CF, and CF 4E is 螻.
        check("他把西瓜N號種子帶回了農場。", "螻號種帶農場");
        // 個 ends in 80, which decodes to a euro sign by itself; 每 ends in BF, and BF 82 is 總.
        check("他每個星期去鄉下兩個晚上。", "總個鄉兩");
    }

    #[test]
    fn undoes_damage_that_lost_more_than_a_byte() {
        // 向專 holds F28C, which is 驅; out of step 利部 then holds FBB2, a private-use pair.
        check("工程師向專利部門提出了申請。", "驅師請");
        // The last byte of 海 took the `<` along.
        check("他們在上海</p>", "冊");
    }

    #[test]
    fn restores_a_whole_article() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/000_106a0ca7130734c8.txt");
        let article = std::fs::read_to_string(path).unwrap();
        let mended = apply(&article, &find(&article, Extent::Littered));
        for kept in ["五一勞動獎章獲得者", "他們在榮譽面前", "(資料圖)", "6·23風災", "創A”"]
        {
            assert!(mended.contains(kept), "{kept}");
        }
        assert!(mended.contains("“勞模創新工作室(黨支部)”"));
        assert_eq!(mended.matches('(').count(), 2);
        assert_eq!(mended.matches(['?', '@']).count(), 0);
        assert_eq!(find(&mended, Extent::All), []);
    }

    #[test]
    fn keeps_tags() {
        let cut = "我們(men)進(jìn)入會(huì)議(yì)室。</p>";
        assert_eq!(apply(cut, &find(cut, Extent::Littered)), "我們進入會議室。</p>");
    }

    #[test]
    fn puts_back_what_a_decoder_took_along() {
        // The last byte of 好 took the comma along, and the line goes on in step.
        for (noisy, whole) in [
            // The comma; 和 is likelier than 好 where words stand in random order.
            ("我們(men)覺(jué)得空�xū)夥浅：�交通也方便。", "我們覺得空氣非常和,交通也方便。"),
            (
                "花團錦(jǐn)簇,?chàng)e有一番風(fēng)韻;五嫂家的燈",
                "花團錦簇,別有一番風韻;五嫂家的燈",
            ),
        ] {
            assert_eq!(apply(noisy, &find(noisy, Extent::All)), whole);
        }
    }

    #[test]
    fn strips_whole_notes_only() {
        for (noisy, stripped) in [
            ("獎(jiǎng)?wù)芦@得者，汉字「進(jìn)」", "獎?wù)芦@得者，汉字「進」"),
            ("南瓜N(lóu)號，單(shàn)(dān)，他(tā)，會( huì )", "南瓜N(lóu)號，單，他(tā)，會"),
        ] {
            assert_eq!(apply(noisy, &find(noisy, Extent::WholeNotes)), stripped);
        }
    }

    #[test]
    fn comes_to_rest_on_garble() {
        for text in ["們?cè)獎(jiǎng)?wù)芦@進(jìn)", "們?cè)?wù)", "們?cè)??/p>?國 "]
        {
            for extent in [Extent::Littered, Extent::All, Extent::WholeNotes] {
                let mended = apply(text, &find(text, extent));
                assert_eq!(find(&mended, extent), [], "{text}");
            }
        }
    }

    #[test]
    fn keeps_question_marks() {
        let noisy = "我們(men)進(jìn)去了嗎?? 不知道????我們(men)?";
        assert_eq!(apply(noisy, &find(noisy, Extent::All)), "我們進去了嗎?? 不知道????我們?");
    }

    #[test]
    fn gives_up_on_a_text_that_takes_too_long() {
        let hostile = "們?cè)".repeat(20_000);
        assert_eq!(find_all(&hostile, &mut Budget::for_text(0)), Err(Exhausted));
    }

    #[test]
    fn keeps_what_a_writer_noted() {
        for text in [
            "汉字「進(jìn)」读作第四声。",
            "单词：銀行(yínháng)，意思是bank。",
            "Qué? (a) ¿Cómo está?é) 東京(とうきょう)",
            "대한민국(大韓民國)은 (a)",
        ] {
            assert_eq!(find(text, Extent::Littered), [], "{text}");
        }
    }

    #[test]
    fn keeps_the_kept_between_edits() {
        let noisy = "(資料圖)室(黨支部)6·23風(fēng)災(zāi)“創(chuàng)A”會(huì )離開(kāi)了?";
        assert_eq!(
            apply(noisy, &find(noisy, Extent::Littered)),
            "(資料圖)室(黨支部)6·23風災“創A”會離開了?"
        );
    }

    fn noise() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("進(jìn)"),
            Just("們?cè)"),
            Just("獎(jiǎng)?wù)芦@"),
            Just("?"),
            Just("\u{FFFD}"),
            Just("?wù)"),
            Just("(jìn)"),
            Just("（"),
            Just("("),
            Just(")"),
            Just("jìn"),
            Just("务"),
            Just("\n"),
            Just("W"),
            Just("，"),
            Just("！"),
            Just("？"),
            Just("?/p>"),
            Just("在跇s"),
            Just("😀"),
            Just("\u{E000}"),
            Just("a)"),
            Just(" "),
            Just("國"),
            Just("务"),
            Just("\0"),
            Just("\r"),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn finds_nothing_in_its_own_output(
            text in prop_oneof![noise(), any::<String>()],
            extent in prop::sample::select(&[Extent::Littered, Extent::All, Extent::WholeNotes]),
        ) {
            let fixes = find(&text, extent);
            let mended = apply(&text, &fixes);
            prop_assert!(fixes.iter().all(|fix| text[fix.span.clone()] != *fix.after));
            prop_assert!(fixes.iter().all(|fix| fix.score.is_finite()));
            prop_assert_eq!(find(&mended, extent), []);
        }

        #[test]
        fn every_guessed_byte_is_of_its_character(text in noise()) {
            for fix in find(&text, Extent::All) {
                for guess in fix.guessed {
                    let c = fix.after[guess.offset as usize..].chars().next().unwrap();
                    let bytes = gbk().encode(c).map_or(vec![c as u8], Vec::from);
                    prop_assert!(bytes.contains(&guess.byte), "{} {:?}", c, guess);
                }
            }
        }

        #[test]
        fn leaves_text_without_notes_alone(text in "[一-龥a-z?？()，。 ]{0,60}") {
            prop_assume!(!text.contains(')'));
            prop_assert_eq!(find(&text, Extent::All), []);
        }
    }
}
