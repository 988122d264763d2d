//! Which plan holds, read safely: found, checked for who may write it, parsed with what flags and
//! environment say.

use crate::args::PlanArgs;
use crate::error::Failure;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tminus_core::plan::read::{Inputs, Loaded, Overrides, PlanError, Setting};
use tminus_core::target::Environment;

/// Largest plan, bytes.
const PLAN_MAX: u64 = 1 << 20;
/// The plan of an image.
const SYSTEM: &str = "/etc/tminus/tminus.toml";
/// The plan of a working directory.
const LOCAL: &str = "tminus.toml";

/// A plan's text and where it is from.
pub(crate) struct PlanFile {
    /// As it is named to people.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    directory: PathBuf,
}

/// The plan that holds, if there is one: `-c`, `TMINUS_CONFIG`, the system's, the directory's.
///
/// # Errors
/// A plan that was asked for and cannot be read; and one of the working directory that others may
/// write: whoever can write a plan decides what is executed.
pub(crate) fn find(args: &PlanArgs) -> Result<Option<PlanFile>, Failure> {
    let asked =
        args.config.clone().or_else(|| std::env::var_os("TMINUS_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from));
    if let Some(path) = asked {
        return read(&path).map(Some);
    }
    for path in [Path::new(SYSTEM), Path::new(LOCAL)] {
        match std::fs::metadata(path) {
            Ok(data) if data.is_file() => {
                if path == Path::new(LOCAL) {
                    refuse_if_others_write(path, &data)?;
                }
                return read(path).map(Some);
            }
            _ => {}
        }
    }
    Ok(None)
}

fn refuse_if_others_write(path: &Path, data: &std::fs::Metadata) -> Result<(), Failure> {
    if data.mode() & 0o022 == 0 {
        return Ok(());
    }
    let name = path.display();
    Err(Failure::new(format!("the plan `./{name}` can be written by others (mode {:03o})", data.mode() & 0o777))
        .hint(format!("`chmod go-w {name}`, or name it with `-c {name}` if that is meant")))
}

pub(crate) fn read(path: &Path) -> Result<PlanFile, Failure> {
    let name = path.display().to_string();
    let text = text_of(path)
        .map_err(|(error, hint)| Failure::new(format!("cannot read the plan `{name}`")).because(error).hint(hint))?;
    let directory = path.parent().map(Path::to_owned).unwrap_or_default();
    Ok(PlanFile { name, text, directory })
}

/// What stands in a file, or why it cannot be read and what to do.
fn text_of(path: &Path) -> Result<String, (String, &'static str)> {
    let unreadable = |error: std::io::Error| (error.to_string(), "check the path and its permissions");
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(("it is a directory".to_owned(), "name the file: `-c DIRECTORY/tminus.toml`"));
    }
    let mut bytes = Vec::new();
    file.take(PLAN_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > PLAN_MAX {
        return Err((format!("it is larger than {PLAN_MAX} bytes"), "a plan is a short text: check that this is one"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        (format!("it is no text: byte {at} is not UTF-8"), "a plan is TOML: check that this is one")
    })
}

impl PlanFile {
    /// The plan of whoever has none: for what flags and environment say.
    pub(crate) fn empty() -> PlanFile {
        PlanFile::of(Path::new(""), "no plan".to_owned(), "version = 1\n".to_owned())
    }

    /// A plan whose text is at hand.
    pub(crate) fn of(path: &Path, name: String, text: String) -> PlanFile {
        PlanFile { name, text, directory: path.parent().map(Path::to_owned).unwrap_or_default() }
    }

    /// The plan, with what flags and environment say.
    pub(crate) fn load(&self, args: &PlanArgs, environment: &Environment) -> Result<Loaded, Vec<PlanError>> {
        let files = |name: &str| text_of(&self.directory.join(name)).ok();
        let overrides = overrides(args, environment);
        let inputs = Inputs { files: &files, name: &self.name, env: environment, flags: overrides };
        tminus_core::plan::read::read(&self.text, &inputs)
    }

    /// The text of a file that a mistake is in: the plan's own, or one that it extends.
    pub(crate) fn text_of(&self, name: &str) -> Option<String> {
        if name == self.name { Some(self.text.clone()) } else { text_of(&self.directory.join(name)).ok() }
    }
}

/// What flags and `TMINUS_*` variables say.
pub(crate) fn overrides(args: &PlanArgs, environment: &Environment) -> Overrides {
    let mut overrides = Overrides::from_environment(environment);
    let flags = [
        (Setting::Environment, "--environment", &args.environment),
        (Setting::Platform, "--platform", &args.platform),
        (Setting::Window, "--window", &args.window),
    ];
    for (setting, flag, value) in flags {
        if let Some(value) = value {
            overrides.flag(setting, flag, value);
        }
    }
    overrides
}

/// This process's environment, as far as it is text.
pub(crate) fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
