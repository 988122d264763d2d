//! Settings from outside the plan (flags, `TMINUS_*`), and where each effective value came from.
//!
//! The order is fixed: flag, `TMINUS_*`, profile, step, phase, plan, environment, platform preset,
//! default. The environment is a map that the caller hands over.
//! Where to start reading: [`Overrides`], then [`Origin`].

use super::Platform;
use crate::target::Environment;
use crate::vocabulary::words;
use std::collections::BTreeMap;
use std::fmt;

words! {
    /// A setting that flags and `TMINUS_*` variables can give, by its key in the plan.
    Setting {
        /// Name of the service.
        Service = "service.name",
        /// The environment.
        Environment = "service.environment",
        /// The revision.
        Revision = "service.revision",
        /// What runs the process.
        Platform = "budget.platform",
        /// The platform's start-up window.
        Window = "budget.window",
        /// From TERM to KILL by the platform.
        Grace = "budget.grace",
        /// What the platform waits before its first probe.
        InitialDelay = "budget.initial_delay",
        /// From TERM to KILL of the child's group.
        KillAfter = "stop.kill_after",
        /// What happens to the child's output.
        Capture = "output.capture",
        /// Where the admin endpoints listen.
        Admin = "admin.listen",
        /// Whether the child is started again in place.
        Restart = "restart",
        /// Directory for the record of earlier starts.
        StateDir = "state_dir",
    }
}

impl Setting {
    /// The variable that gives it.
    pub const fn variable(self) -> &'static str {
        match self {
            Setting::Service => "TMINUS_SERVICE",
            Setting::Environment => "TMINUS_ENVIRONMENT",
            Setting::Revision => "TMINUS_REVISION",
            Setting::Platform => "TMINUS_PLATFORM",
            Setting::Window => "TMINUS_WINDOW",
            Setting::Grace => "TMINUS_GRACE",
            Setting::InitialDelay => "TMINUS_INITIAL_DELAY",
            Setting::KillAfter => "TMINUS_KILL_AFTER",
            Setting::Capture => "TMINUS_CAPTURE",
            Setting::Admin => "TMINUS_ADMIN",
            Setting::Restart => "TMINUS_RESTART",
            Setting::StateDir => "TMINUS_STATE_DIR",
        }
    }
}

/// Settings from outside the plan; each with its text and its origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<Setting, (String, Origin)>);

impl Overrides {
    /// What the `TMINUS_*` variables give; an empty variable gives nothing.
    pub fn from_environment(environment: &Environment) -> Overrides {
        let given = |setting: &Setting| {
            let variable = setting.variable();
            let value = environment.get(variable).filter(|value| !value.is_empty())?;
            Some((*setting, (value.clone(), Origin::Variable(variable))))
        };
        Overrides(Setting::ALL.iter().filter_map(given).collect())
    }

    /// Takes what a flag (`--window`) gives; it goes before a variable.
    pub fn flag(&mut self, setting: Setting, flag: &'static str, value: impl Into<String>) {
        self.0.insert(setting, (value.into(), Origin::Flag(flag)));
    }

    /// What was given for a setting.
    pub fn get(&self, setting: Setting) -> Option<(&str, &Origin)> {
        self.0.get(&setting).map(|(value, origin)| (value.as_str(), origin))
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The file's name.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Where an effective value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// A `TMINUS_*` variable.
    Variable(&'static str),
    /// The profile of an environment.
    Profile(String, Line),
    /// The step itself.
    Step(Line),
    /// The step's phase.
    Phase(Line),
    /// Another table of the plan.
    Plan(Line),
    /// A variable that the platform sets.
    Environment(&'static str),
    /// What the platform does when nobody says otherwise.
    Preset(Platform),
    /// tminus' own default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(flag) => f.write_str(flag),
            Origin::Variable(variable) => f.write_str(variable),
            Origin::Profile(name, line) => write!(f, "profile {name} at {line}"),
            Origin::Step(line) => write!(f, "step at {line}"),
            Origin::Phase(line) => write!(f, "phase at {line}"),
            Origin::Plan(line) => write!(f, "plan at {line}"),
            Origin::Environment(variable) => write!(f, "environment ({variable} is set)"),
            Origin::Preset(platform) => write!(f, "platform preset {platform}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// An effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Dotted key: `budget.window`, `phase.database.deadline`, `step.orders-db.tries`.
    pub key: String,
    /// The value as text, without secrets; addresses by the variable that holds them.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_goes_before_a_variable_and_an_empty_variable_gives_nothing() {
        let environment = [("TMINUS_WINDOW", "60s"), ("TMINUS_GRACE", ""), ("TMINUS_CAPTURE", "tee")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut overrides = Overrides::from_environment(&environment.into());
        overrides.flag(Setting::Window, "--window", "30s");
        assert_eq!(overrides.get(Setting::Window), Some(("30s", &Origin::Flag("--window"))));
        assert_eq!(overrides.get(Setting::Capture), Some(("tee", &Origin::Variable("TMINUS_CAPTURE"))));
        assert_eq!(overrides.get(Setting::Grace), None);
    }
}
