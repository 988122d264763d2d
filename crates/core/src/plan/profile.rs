//! Which environment a start is in, and which profile that means.
//!
//! An environment that is not known never becomes another one. Where profiles are used, a name
//! without one is a mistake, and so is no name at all.
//! Where to start reading: [`choose`].

use super::document::Place;
use super::error::{PlanCode, list, suggest};
use super::raw::{RawPlan, RawProfile};
use super::scope::Scope;
use super::settings::Setting;
use super::shape::{Located, shown};
use super::words::Address;

/// The environment, mapped to the profile that is used for it, and that profile.
pub(super) fn choose(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> (Option<String>, RawProfile) {
    let patterns = patterns(raw, scope);
    let given = given(raw, scope);
    let profiles = raw.profile.as_ref().map(|profiles| &profiles.value).filter(|profiles| !profiles.is_empty());
    let Some((name, at)) = given else {
        if let Some(profiles) = profiles {
            let what = format!(
                "the plan has profiles ({}) and nothing says which environment this is",
                list(profiles.keys().map(String::as_str))
            );
            let declared = declared(raw);
            let hint = match declared.map(|declared| &declared.value) {
                Some(Address::Variable(variable)) => format!("set `{variable}`, or give `--environment`"),
                _ => "write `environment = \"${ENVIRONMENT}\"` in [service], or give `--environment`".to_owned(),
            };
            scope.error(PlanCode::EnvironmentMissing, declared.map(|declared| &declared.at), what, hint);
        }
        return (None, RawProfile::default());
    };
    let mapped = patterns.iter().find(|(pattern, _)| matches(pattern, &name)).map_or(&name, |(_, profile)| profile);
    // A name that has a profile of its own needs no mapping.
    let own = profiles.is_some_and(|profiles| profiles.contains_key(&name));
    let used = if own { &name } else { mapped };
    let Some(profiles) = profiles else { return (Some(used.clone()), RawProfile::default()) };
    if let Some((_, profile)) = profiles.get(used) {
        scope.profile = Some(used.clone());
        return (Some(used.clone()), profile.clone());
    }
    let known: Vec<&str> = profiles.keys().map(String::as_str).collect();
    let mapping = if used == &name { String::new() } else { format!(", which `environments` maps to {}", shown(used)) };
    let what =
        format!("the environment is {}{mapping}, and it has no profile; known: {}", shown(&name), list(known.clone()));
    let hint = suggest(used, known).unwrap_or_else(|| format!("add [profile.{used}], or map it in `environments`"));
    scope.error(PlanCode::UnknownEnvironment, at.as_ref(), what, hint);
    (Some(used.clone()), RawProfile::default())
}

/// The environment's name as it was given, and its place in the plan.
fn given(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Option<(String, Option<Place>)> {
    if let Some((name, origin)) = scope.over(Setting::Environment, |text| Ok(text.trim().to_owned())) {
        scope.note("service.environment", name.clone(), origin);
        return Some((name, None));
    }
    // An unset `${ENVIRONMENT}` is no mistake of the plan by itself.
    let declared = declared(raw)?;
    let name = match &declared.value {
        Address::Variable(variable) => scope.reader.env.get(variable).map_or("", |value| value.trim()),
        Address::Literal(name) => name.trim(),
    };
    if name.is_empty() {
        return None;
    }
    let name = name.to_owned();
    scope.note("service.environment", name.clone(), scope.plan_origin(&declared.at));
    Some((name, Some(declared.at.clone())))
}

/// `environment` of `[service]`.
fn declared(raw: &RawPlan) -> Option<&Located<Address>> {
    raw.service.as_ref()?.value.environment.as_ref()
}

/// The rows of `environments`: pattern and profile.
fn patterns(raw: &RawPlan, scope: &mut Scope<'_, '_>) -> Vec<(String, String)> {
    let rows: &[Located<String>] = raw.environments.as_ref().map_or(&[], |rows| &rows.value);
    let mut patterns = Vec::new();
    for row in rows {
        match row.value.split_once(':').map(|(pattern, name)| (pattern.trim(), name.trim())) {
            Some((pattern, name)) if !pattern.is_empty() && !name.is_empty() && !name.contains(['*', ':']) => {
                patterns.push((pattern.to_owned(), name.to_owned()));
                let profiles = raw.profile.as_ref().map(|profiles| &profiles.value);
                if let Some(profiles) = profiles.filter(|profiles| !profiles.contains_key(name)) {
                    let what = format!("{} maps to {}, which has no profile", shown(pattern), shown(name));
                    let hint = suggest(name, profiles.keys().map(String::as_str))
                        .unwrap_or_else(|| format!("add [profile.{name}]"));
                    scope.error(PlanCode::UnknownEnvironment, Some(&row.at), what, hint);
                }
            }
            _ => {
                let what = format!("{} is not `PATTERN: NAME`", shown(&row.value));
                scope.error(PlanCode::BadPattern, Some(&row.at), what, "write it like \"preview-*: staging\"");
            }
        }
    }
    patterns
}

/// Whether `name` fits `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_people_expect() {
        for (pattern, name, fits) in [
            ("staging", "staging", true),
            ("staging", "staging-2", false),
            ("preview-*", "preview-42", true),
            ("preview-*", "a-preview-42", false),
            ("*", "", true),
            ("*-eu", "prod-eu", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
