//! `hanmill new-stage`: a stage of one's own, from the template, wired and ready to fill in.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use super::Failure;
use crate::registry::Registry;

/// The name of the template's stage; its type has the same name in camel case.
const TEMPLATE: &str = "example";
/// How the paragraph begins in which the template speaks of itself.
const ABOUT_TEMPLATE: &str = "//! This file is also the template";

pub(super) fn new_stage(name: &str, registry: &Registry) -> Result<(), Failure> {
    let Some(template) = registry.template() else {
        return Err(Failure::Usage("this program brings no template of a stage".to_owned()));
    };
    let name = StageName::parse(name).map_err(Failure::Usage)?;
    if registry.get(&name.yaml).is_some() {
        return Err(Failure::Usage(format!("there is a stage `{}` already", name.yaml)));
    }
    let folder = stages_folder()?;
    // Such as `document`: the new type would stand beside the `Document` that the template uses.
    let is_word_char = |c: char| c.is_alphanumeric() || c == '_';
    if template.split(|c| !is_word_char(c)).any(|word| word == name.type_name) {
        let message =
            format!("`{}` is a name that the code of a stage uses already", name.type_name);
        return Err(Failure::Usage(message));
    }
    let list = folder.join("mod.rs");
    let path = folder.join(format!("{}.rs", name.module));
    if path.exists() || folder.join(&name.module).exists() {
        return Err(Failure::Usage(format!("there is a `{}` already", path.display())));
    }
    let wired = wire(&fs::read_to_string(&list)?, &name).map_err(Failure::Usage)?;
    fs::write(&path, fill(template, &name))?;
    fs::write(&list, wired)?;
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "wrote {}, and one `mod` and one `register` line in {}",
        path.display(),
        list.display()
    )?;
    writeln!(
        out,
        "next: `cargo run --release -- stages {}`, then add `- {}` to pipeline.yaml",
        name.yaml, name.yaml
    )?;
    Ok(())
}

/// Words that are no name of a module.
const KEYWORDS: &str = "abstract as async await become box break const continue crate do dyn else \
    enum extern false final fn for gen if impl in let loop macro match mod move mut override priv \
    pub ref return self static struct super trait true try type typeof union unsafe unsized use \
    virtual where while yield";

/// A stage's name in its three spellings.
#[derive(Debug, PartialEq, Eq)]
struct StageName {
    /// `drop-boilerplate`
    yaml: String,
    /// `drop_boilerplate`
    module: String,
    /// `DropBoilerplate`
    type_name: String,
}

impl StageName {
    fn parse(name: &str) -> Result<Self, String> {
        let yaml = name.replace('_', "-").to_lowercase();
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !yaml.split('-').all(is_word) {
            return Err(format!(
                "`{name}` is no name for a stage: words of a-z and 0-9, joined by `-`"
            ));
        }
        let module = yaml.replace('-', "_");
        if KEYWORDS.split(' ').any(|keyword| keyword == module) {
            return Err(format!("`{name}` means something to Rust; choose another name"));
        }
        let camel = |word: &str| word[..1].to_uppercase() + &word[1..];
        let type_name = yaml.split('-').map(camel).collect();
        Ok(Self { yaml, module, type_name })
    }
}

fn stages_folder() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    let found = here
        .ancestors()
        .map(|folder| folder.join("stages"))
        .find(|folder| folder.join("mod.rs").is_file());
    found.ok_or_else(|| {
        Failure::Usage(
            "no `stages/mod.rs` here or above; stand in a checkout of hanmill".to_owned(),
        )
    })
}

/// Puts the name into the template, in each of its spellings.
fn fill(template: &str, name: &StageName) -> String {
    let camel = StageName::parse(TEMPLATE).map(|name| name.type_name).unwrap_or_default();
    let (head, tail) = template.split_once(ABOUT_TEMPLATE).unwrap_or((template, ""));
    // The paragraph on being the template is true of the template only; it ends the module's docs.
    let tail = tail.split_once("\n\n").map_or("", |(_, tail)| tail);
    let body = if tail.is_empty() {
        template.to_owned()
    } else {
        format!("{}\n{tail}", head.trim_end_matches("//!\n"))
    };
    body.replace(&format!("stages {TEMPLATE}`"), &format!("stages {}`", name.yaml))
        .replace(&format!("\"{TEMPLATE}\""), &format!("\"{}\"", name.yaml))
        .replace(&format!("\"{TEMPLATE}:"), &format!("\"{}:", name.yaml))
        .replace(&format!("`{TEMPLATE}`"), &format!("`{}`", name.yaml))
        .replace(&format!("- {TEMPLATE}"), &format!("- {}", name.yaml))
        .replace(&camel, &name.type_name)
}

/// Adds the `mod` and the `register` line to the list of stages, each after the last of its kind.
fn wire(list: &str, name: &StageName) -> Result<String, String> {
    let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
    let register = lines
        .iter()
        .rposition(|line| line.trim_start().starts_with("registry.register::<"))
        .ok_or("stages/mod.rs has no `registry.register` line to stand after")?;
    let indent: String = lines[register].chars().take_while(|c| c.is_whitespace()).collect();
    lines.insert(
        register + 1,
        format!("{indent}registry.register::<{}::{}>();", name.module, name.type_name),
    );
    let is_mod = |line: &String| line.starts_with("mod ") || line.starts_with("pub mod ");
    let last =
        lines.iter().rposition(is_mod).ok_or("stages/mod.rs has no `mod` line to stand after")?;
    let visibility = if lines[last].starts_with("pub ") { "pub " } else { "" };
    let new = format!("{visibility}mod {};", name.module);
    // The lines are in the order of the alphabet, as rustfmt leaves them.
    let first = lines.iter().position(is_mod).unwrap_or(last);
    let at =
        lines[first..=last].iter().position(|line| *line > new).map_or(last + 1, |at| first + at);
    lines.insert(at, new);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_three_spellings() {
        let name = StageName::parse("drop_Boilerplate2").unwrap();
        assert_eq!(name.yaml, "drop-boilerplate2");
        assert_eq!(name.module, "drop_boilerplate2");
        assert_eq!(name.type_name, "DropBoilerplate2");
        for bad in ["", "-", "2x", "汉字", "a b", "a--b", "match", "../x"] {
            assert!(StageName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_template_is_filled_in() {
        let template = "//! Does.\n//!\n//! This file is also the template\n//! of yours.\n\nuse x;\n/// `example`, `hanmill stages example`\nstruct Example; const N: &str = \"example\"; const E: &str = \"example: {a: 1}\";\n";
        let filled = fill(template, &StageName::parse("my-own").unwrap());
        assert_eq!(
            filled,
            "//! Does.\n\nuse x;\n/// `my-own`, `hanmill stages my-own`\nstruct MyOwn; const N: &str = \"my-own\"; const E: &str = \"my-own: {a: 1}\";\n"
        );
    }

    #[test]
    fn a_stage_is_wired_by_two_lines() {
        let list = "//! Stages.\n\nmod decode;\nmod segment;\n\npub fn registry() {\n    registry.register::<decode::Decode>();\n    registry.register::<segment::Segment>();\n    registry\n}\n";
        let wired = wire(list, &StageName::parse("my-own").unwrap()).unwrap();
        assert_eq!(
            wired,
            "//! Stages.\n\nmod decode;\nmod my_own;\nmod segment;\n\npub fn registry() {\n    registry.register::<decode::Decode>();\n    registry.register::<segment::Segment>();\n    registry.register::<my_own::MyOwn>();\n    registry\n}\n"
        );
        assert!(wire("", &StageName::parse("x").unwrap()).is_err());
    }
}
