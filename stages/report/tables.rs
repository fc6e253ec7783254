//! The tables of a report as CSV, and the report as Markdown.

use std::fmt::Write;

use hanmill::human;
use hanmill::stage::FinishError;
use serde::Serialize;

use super::fold::Seen;
use super::run::Run;
use super::summary::{self, Summary};

/// A result file: its name below the output folder, and its bytes.
pub(super) type File = (&'static str, Vec<u8>);

/// Makes every table that has rows.
///
/// # Errors
/// If a row can't be written, which memory never refuses.
pub(super) fn csv(
    summary: &Summary<'_>,
    seen: &Seen,
    run: &Run,
    bom: bool,
) -> Result<Vec<File>, FinishError> {
    let mut tables = Tables { files: Vec::new(), bom };
    tables.always(
        "keywords.csv",
        &["rank", "word", "weight", "count", "documents"],
        summary::keywords(&run.keywords)
            .map(|row| (row.rank, row.word, row.weight, row.count, row.documents)),
    )?;
    tables.add(
        "tables/words.csv",
        &["rank", "word", "count", "documents", "per_million"],
        summary::words(seen)
            .into_iter()
            .map(|row| (row.rank, row.word, row.count, row.documents, row.per_million)),
    )?;
    tables.add(
        "tables/keyness.csv",
        &["word", "count", "per_million", "reference_per_million", "log_likelihood", "log_ratio"],
        run.keyness.iter(),
    )?;
    tables.add(
        "tables/collocations.csv",
        &["first", "second", "count", "first_count", "second_count", "log_likelihood", "log_dice"],
        run.collocations.iter(),
    )?;
    tables.add(
        "tables/new_words.csv",
        &["word", "count", "documents", "cohesion", "freedom"],
        run.new_words.iter(),
    )?;
    tables.add(
        "tables/network.csv",
        &["first", "second", "documents"],
        summary.network.edges.iter().map(|row| (row.first, row.second, row.documents)),
    )?;
    tables.add(
        "tables/similar.csv",
        &["first", "second", "likeness"],
        summary.similarity.pairs.iter().map(|row| (row.first, row.second, row.likeness)),
    )?;
    tables.add(
        "tables/encodings.csv",
        &["encoding", "documents", "mean_confidence", "least_confidence"],
        summary
            .encodings
            .iter()
            .map(|row| (row.name, row.documents, row.mean_confidence, row.least_confidence)),
    )?;
    tables.add(
        "tables/duplicates.csv",
        &["kind", "group", "documents", "id", "likeness"],
        [("exact", &summary.duplicates.exact), ("near", &summary.duplicates.near)]
            .into_iter()
            .flat_map(|(kind, twins)| {
                twins.listed.iter().zip(1_usize..).flat_map(move |(group, n)| {
                    let row = move |member: &summary::TwinMember<'_>| {
                        (kind, n, group.documents, member.id.to_owned(), member.likeness)
                    };
                    group.members.iter().map(row)
                })
            }),
    )?;
    if let Some(trends) = &summary.trends {
        tables.add(
            "tables/trends.csv",
            &["period", "documents", "characters", "words"],
            trends
                .periods
                .iter()
                .map(|row| (&row.period, row.documents, row.characters, row.words)),
        )?;
        tables.add(
            "tables/keyword_trends.csv",
            &["word", "period", "documents"],
            trends.keywords.iter().flat_map(|row| {
                let cell = |(period, n): (&summary::Period, &u64)| {
                    (row.word.to_owned(), period.period.clone(), *n)
                };
                trends.periods.iter().zip(&row.by_period).map(cell).collect::<Vec<_>>()
            }),
        )?;
    }
    if let Some(groups) = &summary.groups {
        tables.add(
            "tables/groups.csv",
            &["group", "documents", "characters", "words", "keywords"],
            groups.listed.iter().map(|row| {
                (row.name, row.documents, row.characters, row.words, row.keywords.join(" "))
            }),
        )?;
    }
    tables.add(
        "tables/documents.csv",
        &[
            "id",
            "source",
            "encoding",
            "characters",
            "words",
            "edits",
            "repairs",
            "flagged",
            "malformed",
            "keywords",
        ],
        seen.listed.iter().map(|((_, _, id, _), listed)| {
            let keywords: Vec<&str> =
                listed.keywords.iter().map(|(word, _)| word.as_str()).collect();
            (
                id,
                if listed.source.is_empty() { id } else { &listed.source },
                listed.encoding.as_ref().map(|encoding| &encoding.name),
                listed.characters,
                listed.words,
                listed.edits,
                listed.repairs,
                listed.flagged,
                listed.malformed,
                keywords.join(" "),
            )
        }),
    )?;
    Ok(tables.files)
}

struct Tables {
    files: Vec<File>,
    bom: bool,
}

impl Tables {
    /// Adds a table, unless it has no rows.
    fn add<R: Serialize>(
        &mut self,
        name: &'static str,
        head: &[&str],
        rows: impl Iterator<Item = R>,
    ) -> Result<(), FinishError> {
        let mut rows = rows.peekable();
        if rows.peek().is_some() {
            self.always(name, head, rows)?;
        }
        Ok(())
    }

    fn always<R: Serialize>(
        &mut self,
        name: &'static str,
        head: &[&str],
        rows: impl Iterator<Item = R>,
    ) -> Result<(), FinishError> {
        let mut bytes = Vec::new();
        if self.bom {
            bytes.extend_from_slice("\u{feff}".as_bytes());
        }
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(bytes);
        csv.write_record(head)?;
        for row in rows {
            csv.serialize(row)?;
        }
        self.files.push((name, csv.into_inner()?));
        Ok(())
    }
}

/// Makes `report.md`: the numbers and the heads of the tables, in English.
pub(super) fn markdown(summary: &Summary<'_>) -> String {
    let mut page = Markdown(String::new());
    page.line(&format!("# {}", escape(summary.title)));
    let documents = &summary.documents;
    page.line(&format!(
        "{} read: {} kept, {} dropped, {} quarantined; {}.",
        human::count(documents.read, "document"),
        human::number(documents.kept),
        human::number(documents.dropped),
        human::number(documents.quarantined),
        human::count(summary.text.characters, "character"),
    ));
    if let (Some(words), Some(distinct)) = (summary.text.words, summary.text.distinct_words) {
        let about = if summary.text.distinct_words_are_estimated { "about " } else { "" };
        page.line(&format!(
            "{}, {about}{} different.",
            human::count(words, "word"),
            human::number(distinct)
        ));
    }
    page.table(
        "Encodings",
        &["encoding", "documents", "mean confidence", "least"],
        summary.encodings.iter().map(|row| {
            vec![
                row.name.to_owned(),
                row.documents.to_string(),
                format!("{:.3}", row.mean_confidence),
                format!("{:.3}", row.least_confidence),
            ]
        }),
    );
    page.table(
        "Declared otherwise by the document itself",
        &["declared", "found", "documents"],
        summary.declared.wrong.iter().map(|row| {
            vec![row.declared.to_owned(), row.found.to_owned(), row.documents.to_string()]
        }),
    );
    page.table(
        "Malformed bytes",
        &["document", "byte", "hex"],
        summary
            .malformed
            .examples
            .iter()
            .map(|row| vec![row.id.to_owned(), row.byte_offset.to_string(), row.hex.to_owned()]),
    );
    page.table(
        "Repairs",
        &["kind", "spots", "flagged", "before", "after"],
        summary.repairs.kinds.iter().map(|row| {
            let example = row.examples.first();
            vec![
                row.kind.to_owned(),
                row.spots.to_string(),
                row.flagged.to_string(),
                example.map_or_else(String::new, |example| example.before.to_owned()),
                example.map_or_else(String::new, |example| example.after.to_owned()),
            ]
        }),
    );
    page.table(
        "Scripts",
        &["before", "after", "documents"],
        summary.scripts.flow.iter().map(|row| {
            vec![row.before.to_owned(), row.after.to_owned(), row.documents.to_string()]
        }),
    );
    let twins = &summary.duplicates;
    page.table(
        "Duplicates",
        &["kind", "groups", "could go"],
        [("exact", &twins.exact), ("near", &twins.near)].into_iter().map(|(kind, row)| {
            vec![kind.to_owned(), row.groups.to_string(), row.surplus.to_string()]
        }),
    );
    page.table(
        "Dropped",
        &["stage", "reason", "documents"],
        summary.dropped.iter().map(|row| {
            vec![row.stage.to_owned(), row.reason.to_owned(), row.documents.to_string()]
        }),
    );
    page.table(
        "Quarantined",
        &["document", "stage", "error"],
        summary
            .quarantined
            .listed
            .iter()
            .take(20)
            .map(|row| vec![row.id.clone(), row.stage.clone(), row.error.clone()]),
    );
    page.table(
        "Keywords",
        &["rank", "word", "weight", "count", "documents"],
        summary.keywords.iter().map(|row| {
            vec![
                row.rank.to_string(),
                row.word.to_owned(),
                format!("{:.4}", row.weight),
                row.count.to_string(),
                row.documents.to_string(),
            ]
        }),
    );
    page.table(
        "Frequent words",
        &["rank", "word", "count", "documents"],
        summary.words.listed.iter().take(50).map(|row| {
            vec![
                row.rank.to_string(),
                row.word.to_owned(),
                row.count.to_string(),
                row.documents.to_string(),
            ]
        }),
    );
    page.table(
        "Keyness",
        &["word", "count", "log-likelihood", "log ratio"],
        summary.keyness.iter().take(50).map(|row| {
            vec![
                row.word.clone(),
                row.count.to_string(),
                format!("{:.2}", row.log_likelihood),
                format!("{:.2}", row.log_ratio),
            ]
        }),
    );
    page.table(
        "Collocations",
        &["first", "second", "count", "log-likelihood", "logDice"],
        summary.collocations.iter().take(50).map(|row| {
            vec![
                row.first.clone(),
                row.second.clone(),
                row.count.to_string(),
                format!("{:.2}", row.log_likelihood),
                format!("{:.2}", row.log_dice),
            ]
        }),
    );
    page.table(
        "New words",
        &["word", "count", "documents", "cohesion", "freedom"],
        summary.new_words.iter().take(50).map(|row| {
            vec![
                row.word.clone(),
                row.count.to_string(),
                row.documents.to_string(),
                format!("{:.2}", row.cohesion),
                format!("{:.2}", row.freedom),
            ]
        }),
    );
    if let Some(trends) = &summary.trends {
        page.table(
            "Over time",
            &[trends.unit, "documents", "characters", "words"],
            trends.periods.iter().map(|row| {
                vec![
                    row.period.clone(),
                    row.documents.to_string(),
                    row.characters.to_string(),
                    row.words.to_string(),
                ]
            }),
        );
    }
    if let Some(groups) = &summary.groups {
        page.table(
            "Groups",
            &[groups.field, "documents", "characters", "keywords"],
            groups.listed.iter().map(|row| {
                vec![
                    row.name.to_owned(),
                    row.documents.to_string(),
                    row.characters.to_string(),
                    row.keywords.join(" "),
                ]
            }),
        );
    }
    page.0
}

struct Markdown(String);

impl Markdown {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push_str("\n\n");
    }

    /// Writes a table, unless it has no rows.
    fn table(&mut self, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            return;
        }
        self.line(&format!("## {title}"));
        self.row(head.iter().copied());
        self.row(head.iter().map(|_| "---"));
        for row in rows {
            self.row(row.iter().map(String::as_str));
        }
        self.0.push('\n');
    }

    fn row<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        for cell in cells {
            let cell = if cell == "---" { cell.to_owned() } else { escape(cell) };
            write!(self.0, "| {cell} ").expect("writing to a string can't fail");
        }
        self.0.push_str("|\n");
    }
}

/// Escapes what Markdown, or the HTML in it, would read as more than text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_cell_becomes_markup() {
        assert_eq!(escape("a|<b>\n*c*"), "a\\|&lt;b&gt; \\*c\\*");
    }
}
