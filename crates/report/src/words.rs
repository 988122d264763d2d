//! The words for people: titles of causes, names of teams, and what the closed sets are called.

use tminus_core::vocabulary::{AttemptOutcome, CauseKey, Layer, Role};

type TitleOf<'a> = &'a dyn Fn(&CauseKey) -> Option<String>;
type TeamOf<'a> = &'a dyn Fn(Role) -> Option<String>;

/// What a verdict does not carry, because it belongs to the catalogue and to configuration: the
/// title of a cause and the name of the team behind a role.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    title_of: TitleOf<'a>,
    team_of: TeamOf<'a>,
}

impl Default for Words<'_> {
    /// Titles are the keys with spaces, teams are the roles.
    fn default() -> Self {
        Words { title_of: &|_| None, team_of: &|_| None }
    }
}

impl<'a> Words<'a> {
    /// Titles of causes, as the catalogue has them: lower case, no full stop. A cause without one
    /// is called by its key.
    pub fn with_titles(self, title_of: TitleOf<'a>) -> Words<'a> {
        Words { title_of, ..self }
    }

    /// Names of the teams that own a role. A role without one is called `platform team` and so on.
    pub fn with_teams(self, team_of: TeamOf<'a>) -> Words<'a> {
        Words { team_of, ..self }
    }

    pub(crate) fn title(&self, key: &CauseKey) -> String {
        (self.title_of)(key).unwrap_or_else(|| spaced(key.as_str()))
    }

    pub(crate) fn team(&self, role: Role) -> String {
        (self.team_of)(role).unwrap_or_else(|| {
            match role {
                Role::Application => "application team",
                Role::Build => "build team",
                Role::Platform => "platform team",
                Role::Network => "network team",
                Role::Database => "database team",
                Role::Vendor => "the vendor",
                Role::Nobody => "nobody (wait)",
            }
            .to_owned()
        })
    }
}

/// The short name of a cause or reading: `too_many_connections` as `too many connections`. What is
/// not a key stays as it is.
pub(crate) fn spaced(name: &str) -> String {
    if name.parse::<CauseKey>().is_ok() { name.replace('_', " ") } else { name.to_owned() }
}

/// What a start has to get past for a cause of this layer to be gone.
pub(crate) fn hurdle(layer: Layer) -> &'static str {
    match layer {
        Layer::Config => "its settings",
        Layer::Dns => "name resolution",
        Layer::Socket => "the socket",
        Layer::Tcp => "the connect",
        Layer::Tls => "the TLS handshake",
        Layer::Protocol => "the server's greeting",
        Layer::Auth => "authentication",
        Layer::Slot => "the wait for a slot",
        Layer::Query => "that query",
        Layer::Schema => "the schema check",
        Layer::Process => "the launch of its process",
        Layer::Import => "the loading of its code",
        Layer::Startup => "its own start-up code",
        Layer::Migration => "the migrations",
        Layer::Probe => "the platform's probe",
        Layer::Resource => "that limit",
    }
}

/// How a start came out.
pub(crate) fn outcome(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Failed => "failed",
        AttemptOutcome::Ready => "ready",
        AttemptOutcome::ReadyThenFailed => "ready, then failed",
        AttemptOutcome::CutOff => "cut off",
        AttemptOutcome::Unknown => "end not seen",
    }
}
