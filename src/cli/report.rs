//! `hanmill report`: one report of several runs, from what each of them stored.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::sink::Outputs;
use crate::stages::report::{Language, Reporter, STORED, Stored};

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// Output folders of runs with the stage `report`
    #[arg(required = true, value_name = "OUT")]
    runs: Vec<PathBuf>,
    /// Folder for the report; may be there, but not with a run in it
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Heading of the page; by default that of the first run
    #[arg(long)]
    title: Option<String>,
    /// Language the page opens in; by default that of the first run
    #[arg(long, value_parser = ["auto", "en", "zh"])]
    language: Option<String>,
}

pub(super) fn report(args: &ReportArgs) -> Result<(), Failure> {
    if args.output.join("run.json").exists() {
        return Err(Failure::Usage(format!(
            "`{}` holds the results of a run, which a report would stand in for; name another \
             folder with `--output`",
            args.output.display()
        )));
    }
    let mut folders = args.runs.clone();
    folders.sort();
    if let Some(pair) = folders.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = "is named twice; its documents would count twice";
        return Err(Failure::Usage(format!("`{}` {message}", pair[0].display())));
    }
    let mut all: Option<Stored> = None;
    for folder in &args.runs {
        let stored = read(folder)?;
        match &mut all {
            Some(all) => all.merge(stored),
            None => all = Some(stored),
        }
    }
    let Some(Stored { mut options, seen, runs }) = all else {
        return Err(Failure::Usage("no run is named".to_owned()));
    };
    if let Some(title) = &args.title {
        options.title.clone_from(title);
    }
    match args.language.as_deref() {
        Some("en") => options.language = Language::En,
        Some("zh") => options.language = Language::Zh,
        Some(_) => options.language = Language::Auto,
        None => {}
    }
    let n_runs = runs.len();
    let files = Reporter::new(options)
        .render(seen, runs)
        .map_err(|error| Failure::Usage(format!("the report can't be made: {error}")))?;
    write(&args.output, files).map_err(|error| {
        Failure::Usage(format!("nothing can be written to `{}`: {error}", args.output.display()))
    })?;
    let page = args.output.join("report.html");
    let place = if page.exists() { page } else { args.output.clone() };
    writeln!(
        io::stdout().lock(),
        "a report of {}: {}",
        crate::human::count(n_runs as u64, "run"),
        place.display()
    )?;
    Ok(())
}

fn read(folder: &Path) -> Result<Stored, Failure> {
    let path = folder.join(STORED);
    let bytes = fs::read(&path).map_err(|error| {
        let shown = path.display();
        Failure::Usage(match error.kind() {
            io::ErrorKind::NotFound => format!(
                "there is no `{shown}`; name the output folder of a run whose pipeline has the \
                 stage `report` with `store: true`"
            ),
            _ => format!("`{shown}` can't be read: {error}"),
        })
    })?;
    Stored::read(&bytes).map_err(|error| {
        let error = crate::pipeline::error_chain(&error);
        Failure::Usage(format!("`{}` can't be used: {error}", path.display()))
    })
}

fn write(folder: &Path, files: Vec<(&'static str, Vec<u8>)>) -> io::Result<()> {
    let outputs = Outputs::open(folder)?;
    for (name, bytes) in files {
        let mut file = outputs.create(Path::new(name))?;
        file.write_all(&bytes)?;
        file.finish()?;
    }
    outputs.commit()
}
