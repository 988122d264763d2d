//! What the later stages of reading share: where a value comes from, and the list of the values
//! that hold.
//!
//! Where to start reading: [`Scope::over`] and [`Scope::profiled`].

use super::document::{Place, line_of};
use super::error::{PlanCode, PlanError};
use super::settings::{Line, Origin, Overrides, Setting, Value};
use super::shape::{Located, MaybeZero, Reader, shown};
use crate::time::Millis;

/// What a text was read as, or the mistake in it: code, what, hint.
type Read<T> = Result<T, (PlanCode, String, Option<String>)>;

/// The stages' common ground.
pub(super) struct Scope<'r, 'a> {
    pub reader: &'r mut Reader<'a>,
    pub overrides: &'r Overrides,
    /// The profile that is used.
    pub profile: Option<String>,
    /// Names of variables that are secret besides those that look it.
    pub redact: Vec<String>,
    /// How long refused credentials are asked again where no step or phase says.
    pub credentials_grace: Millis,
    /// Every effective value so far.
    pub values: Vec<Value>,
}

impl Scope<'_, '_> {
    /// What a flag or a variable gives for a setting.
    pub fn over<T>(&mut self, setting: Setting, read: impl FnOnce(&str) -> Read<T>) -> Option<(T, Origin)> {
        let (text, origin) = self.overrides.get(setting)?;
        match read(text) {
            Ok(value) => Some((value, origin.clone())),
            Err((code, what, hint)) => {
                let what = format!("{} {what}", shown(text));
                let error = PlanError { code, file: origin.to_string(), span: None, what, hint, related: None };
                self.reader.errors.push(error);
                None
            }
        }
    }

    /// What the profile, or else the plan, gives.
    pub fn profiled<T: Clone>(&self, profile: Option<&Located<T>>, plan: Option<&Located<T>>) -> Option<(T, Origin)> {
        let of_profile = profile.map(|located| (located.value.clone(), self.profile_origin(&located.at)));
        of_profile.or_else(|| plan.map(|located| (located.value.clone(), self.plan_origin(&located.at))))
    }

    /// The same for a time that may be zero.
    pub fn profiled_zero(
        &self,
        profile: Option<&Located<MaybeZero>>,
        plan: Option<&Located<MaybeZero>>,
    ) -> Option<(Millis, Origin)> {
        self.profiled(profile, plan).map(|(MaybeZero(time), origin)| (time, origin))
    }

    /// The origin of a value in the profile.
    pub fn profile_origin(&self, at: &Place) -> Origin {
        Origin::Profile(self.profile.clone().unwrap_or_default(), self.line(at))
    }

    /// The origin of a value in a table of the plan.
    pub fn plan_origin(&self, at: &Place) -> Origin {
        Origin::Plan(self.line(at))
    }

    /// The line of a place.
    pub fn line(&self, at: &Place) -> Line {
        let source = &self.reader.sources[at.file];
        Line { file: source.name.clone(), line: line_of(&source.text, at.span.start) }
    }

    /// Keeps an effective value.
    pub fn note(&mut self, key: impl Into<String>, text: impl Into<String>, origin: Origin) {
        self.values.push(Value { key: key.into(), text: text.into(), origin });
    }

    /// A mistake at a place, or in the plan as a whole.
    pub fn mistake(&self, code: PlanCode, at: Option<&Place>, what: impl Into<String>) -> PlanError {
        let whole = Place { file: 0, span: 0..0 };
        let mistake = self.reader.mistake(code, at.unwrap_or(&whole), what);
        PlanError { span: mistake.span.filter(|_| at.is_some()), ..mistake }
    }

    /// Keeps a mistake at a place, or in the plan as a whole.
    pub fn error(&mut self, code: PlanCode, at: Option<&Place>, what: impl Into<String>, hint: impl Into<String>) {
        let error = self.mistake(code, at, what).hint(hint);
        self.reader.errors.push(error);
    }
}
