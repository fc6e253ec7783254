//! A third party's program: hanmill's command line with one more stage, from another crate.
//!
//! Nothing here is private to hanmill: a crate that depends on it has the same paths. Try it:
//!
//! ```sh
//! cargo run --release --example own_stage -- stages mask-phones
//! echo '請撥13812345678找小王' | cargo run --release --example own_stage -- pipe mask-phones
//! ```

use std::process::ExitCode;

use hanmill::document::{Document, Edits};
use hanmill::stage::{
    BuildContext, Built, ConfigError, DocumentError, Layer, Scratch, Stage, StageConfig, Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    let mut registry = hanmill::stages::registry();
    registry.register::<MaskPhones>();
    hanmill::cli::main(registry)
}

/// Options of the `mask-phones` stage.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MaskPhones {
    /// What stands in place of a number.
    mask: String,
}

impl Default for MaskPhones {
    fn default() -> Self {
        Self { mask: "[电话]".to_owned() }
    }
}

impl StageConfig for MaskPhones {
    const NAME: &'static str = "mask-phones";
    const ABOUT: &'static str = "Masks the numbers of mobile phones";
    const EXAMPLE: &'static str = "mask-phones: {mask: '***'}";
    const READS: &'static [Layer] = &[Layer::Text];
    const WRITES: &'static [Layer] = &[Layer::Text];

    fn build(self, _: &BuildContext) -> Result<Built, Vec<ConfigError>> {
        Ok(Built::map(self))
    }
}

impl Stage for MaskPhones {
    fn process(&self, doc: &mut Document, _: &mut Scratch) -> Result<Verdict, DocumentError> {
        let old = doc.text();
        let (mut new, mut edits, mut end) = (String::new(), Edits::default(), 0);
        for (start, digits) in runs_of_digits(old) {
            // Numbers of mobile phones in China: eleven digits, from 13… to 19….
            if digits.len() == 11 && digits.starts_with('1') && digits.as_bytes()[1] >= b'3' {
                new += &old[end..start];
                new += &self.mask;
                end = start + digits.len();
                edits.push(start..end, self.mask.len());
            }
        }
        new += &old[end..];
        doc.revise(Self::NAME, new, edits);
        Ok(Verdict::Keep)
    }
}

/// Iterates over the runs of ASCII digits with the byte each starts at.
fn runs_of_digits(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_other = |c: char| !c.is_ascii_digit();
    let runs = text.split(is_other).filter(|run| !run.is_empty());
    runs.map(move |run| (run.as_ptr() as usize - text.as_ptr() as usize, run))
}
