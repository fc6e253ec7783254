//! `hanmill init`: a pipeline.yaml to start from.

use std::fs::File;
use std::io::{ErrorKind, Write};

use super::Failure;
use crate::config;
use crate::registry::Registry;

pub(super) fn init(registry: &Registry) -> Result<(), Failure> {
    let Some(starter) = registry.starter() else {
        return Err(Failure::Usage("this program brings no pipeline to start from".to_owned()));
    };
    match File::create_new("pipeline.yaml") {
        Ok(mut file) => {
            // In a checkout the schema is among the docs; here it stands beside.
            file.write_all(starter.replace("$schema=docs/", "$schema=").as_bytes())?;
            std::fs::write("pipeline.schema.json", config::schema_text(registry))?;
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Usage(
                "there is a pipeline.yaml already; it stays as it is".to_owned(),
            ));
        }
        Err(error) => {
            return Err(Failure::Usage(format!("pipeline.yaml can't be written: {error}")));
        }
    }
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "wrote pipeline.yaml, and its schema for editors; set its `input`, then run `hanmill`"
    )?;
    Ok(())
}
