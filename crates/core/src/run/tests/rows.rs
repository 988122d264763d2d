//! A test per row of the table of codes: what the machine does when this answer, at its layer, is
//! all that it ever gets.

use super::rig::{Rig, exec, once, plan, probe};
use crate::code::Pace::{self, Deep, Long, Quick};
use crate::code::{Code, TABLE};
use crate::event::Passage;
use crate::plan::{LaneIx, Plan, StepIx, Work};
use crate::run::{Command, Input};
use crate::vocabulary::Layer;

/// What is expected of a row.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// The step fails with the first answer.
    AtOnce,
    /// It fails when the answer has been the same for so long, asked again at this pace.
    After(u32, Pace),
    /// It is asked again at this pace until the step's time is over, and never given up before.
    Waits(Pace),
}
use Expected::{After, AtOnce, Waits};

/// The time that the step has.
const TIME: u32 = 60_000;

/// The smallest plan in which this code is an answer.
fn plan_for(code: Code) -> Plan {
    match code.layer() {
        Layer::Dns => probe(&[Layer::Dns, Layer::Tcp]),
        Layer::Socket => probe(&[Layer::Socket]),
        Layer::Tcp => probe(&[Layer::Tcp]),
        layer @ (Layer::Tls | Layer::Protocol | Layer::Auth | Layer::Slot | Layer::Query | Layer::Schema) => {
            probe(&[Layer::Tcp, layer])
        }
        Layer::Config => plan(&[&[Work::Environment(Vec::new())]]),
        Layer::Migration => plan(&[&[exec(once(None))]]),
        _ => plan(&[&[exec(None)]]),
    }
}

/// What the world answers to a command when the code is all that it has to say.
fn answer(command: &Command, code: Code) -> Option<Input> {
    let lane = LaneIx(0);
    match command {
        Command::Resolve(_) if code.layer() == Layer::Dns => Some(Input::Resolved(lane, Err(code))),
        Command::Resolve(_) => Some(Input::Resolved(lane, Ok(1))),
        Command::Dial(_, dial, ..) if matches!(code.layer(), Layer::Socket | Layer::Tcp) => {
            Some(Input::Dialled(lane, *dial, Err(code)))
        }
        Command::Dial(_, dial, ..) => Some(Input::Dialled(lane, *dial, Ok(()))),
        Command::Handshake(..) => Some(Input::Shaken(lane, Err(code), None)),
        Command::Run(..) => Some(Input::Done(StepIx(0), Err(code))),
        Command::Acquire(_) => Some(Input::Leased(StepIx(0), Err(code))),
        _ => None,
    }
}

/// True for the command that is the asking itself.
fn asks(command: &Command, code: Code) -> bool {
    match command {
        Command::Resolve(_) => code.layer() == Layer::Dns,
        Command::Dial(..) => matches!(code.layer(), Layer::Socket | Layer::Tcp),
        Command::Handshake(..) | Command::Run(..) | Command::Acquire(_) => true,
        _ => false,
    }
}

/// Plays it: when it was asked, when the step ended, and how.
fn play(code: Code) -> (Vec<u32>, u32, (Passage, Option<Code>)) {
    let (mut rig, _) = Rig::begun(plan_for(code));
    let (mut asked, mut answers) = (Vec::new(), Vec::new());
    loop {
        for command in rig.commands() {
            if asks(command, code) {
                asked.push(rig.now);
            }
            answers.extend(answer(command, code));
        }
        if let Some(how) = rig.ended(0) {
            return (asked, rig.now, how);
        }
        let (now, input) = if answers.is_empty() { (rig.armed.0, Input::Wake) } else { (rig.now, answers.remove(0)) };
        rig.at(now, input);
    }
}

fn keeps(pace: Pace, asked: &[u32], code: Code) {
    let gaps: Vec<u32> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let within = match (pace, code) {
        // Silence is asked again at the stagger of the dials.
        (Quick, Code::NoAnswer) => 250..=250,
        (Quick, _) => 100..=110,
        (Deep, _) => 1_000..=1_250,
        (Long, _) => 1_000..=10_000,
    };
    assert!(!gaps.is_empty() && gaps.iter().all(|gap| within.contains(gap)), "{code}: {gaps:?}");
    assert!(pace != Long || gaps.iter().any(|gap| *gap > 2_000), "{code}: {gaps:?}");
}

fn check(code: Code, expected: Expected) {
    let (asked, ended, how) = play(code);
    match expected {
        AtOnce => assert_eq!((ended, how), (0, (Passage::Failed, Some(code))), "{code}"),
        After(grace, pace) => {
            assert_eq!(how, (Passage::Failed, Some(code)), "{code}");
            assert!((grace..=grace + 1_250).contains(&ended), "{code}: after {ended} ms");
            keeps(pace, &asked, code);
        }
        Waits(pace) => {
            assert_eq!((ended, how), (TIME, (Passage::Expired, Some(code))), "{code}");
            keeps(pace, &asked, code);
        }
    }
}

macro_rules! rows {
    ($($test:ident: $code:ident => $expected:expr;)+) => {
        const ROWS: &[Code] = &[$(Code::$code),+];
        $(#[test] fn $test() { check(Code::$code, $expected); })+
    };
}

#[test]
fn every_row_has_its_test() {
    let missing: Vec<Code> = TABLE.iter().map(|row| row.code).filter(|code| !ROWS.contains(code)).collect();
    assert!(missing.is_empty(), "no test in rows.rs for {missing:?}");
}

rows! {
    value_missing: ValueMissing => AtOnce;
    value_empty: ValueEmpty => AtOnce;
    value_malformed: ValueMalformed => AtOnce;
    whitespace_in_value: WhitespaceInValue => AtOnce;
    socket_path_too_long: SocketPathTooLong => AtOnce;
    name_not_found: NameNotFound => After(10_000, Deep);
    name_without_address: NameWithoutAddress => After(10_000, Deep);
    resolver_failed: ResolverFailed => Waits(Deep);
    resolver_silent: ResolverSilent => Waits(Deep);
    socket_missing: SocketMissing => After(30_000, Quick);
    not_a_socket: SocketNotASocket => AtOnce;
    socket_denied: SocketDenied => AtOnce;
    socket_stale: SocketStale => Waits(Quick);
    backlog_full: BacklogFull => Waits(Quick);
    refused: Refused => Waits(Quick);
    no_answer: NoAnswer => Waits(Quick);
    no_route: NoRoute => Waits(Quick);
    connect_reset: ConnectReset => Waits(Quick);
    connect_forbidden: ConnectForbidden => Waits(Deep);
    no_local_port: NoLocalPort => Waits(Long);
    no_descriptor: NoDescriptor => Waits(Long);
    tls_not_offered: TlsNotOffered => AtOnce;
    tls_required: TlsRequired => AtOnce;
    tls_name_mismatch: TlsNameMismatch => AtOnce;
    tls_expired: TlsExpired => AtOnce;
    tls_not_yet_valid: TlsNotYetValid => AtOnce;
    clock_skew: ClockSkew => AtOnce;
    tls_unknown_issuer: TlsUnknownIssuer => AtOnce;
    tls_certificate_invalid: TlsCertificateInvalid => AtOnce;
    tls_version_mismatch: TlsVersionMismatch => AtOnce;
    tls_client_certificate: TlsClientCertificate => AtOnce;
    tls_closed: TlsClosed => Waits(Deep);
    tls_not_tls: TlsNotTls => AtOnce;
    tls_unjudged: TlsUnjudged => Waits(Deep);
    closed_before_greeting: ClosedBeforeGreeting => Waits(Deep);
    accepted_silent: AcceptedSilent => Waits(Deep);
    starting_up: StartingUp => Waits(Deep);
    shutting_down: ShuttingDown => Waits(Deep);
    recovering: Recovering => Waits(Deep);
    not_accepting: NotAccepting => Waits(Deep);
    server_refused: ServerRefused => Waits(Deep);
    loading: Loading => Waits(Deep);
    master_down: MasterDown => Waits(Deep);
    backend_down: BackendDown => Waits(Deep);
    other_protocol: OtherProtocol => AtOnce;
    host_blocked: HostBlocked => AtOnce;
    http_unavailable: HttpUnavailable => Waits(Deep);
    http_error: HttpError => Waits(Deep);
    http_too_many: HttpTooMany => Waits(Long);
    http_not_upgraded: HttpNotUpgraded => After(5_000, Deep);
    password_rejected: PasswordRejected => AtOnce;
    password_missing: PasswordMissing => AtOnce;
    role_missing: RoleMissing => AtOnce;
    host_not_permitted: HostNotPermitted => AtOnce;
    database_missing: DatabaseMissing => After(3_000, Deep);
    permission_denied: PermissionDenied => AtOnce;
    auth_unjudged: AuthUnjudged => Waits(Deep);
    http_unauthorized: HttpUnauthorized => After(10_000, Deep);
    closed_after_greeting: ClosedAfterGreeting => Waits(Deep);
    slots_full: SlotsFull => Waits(Long);
    slots_reserved: SlotsReserved => Waits(Long);
    role_limit: RoleLimit => Waits(Long);
    database_limit: DatabaseLimit => Waits(Long);
    pooler_clients_full: PoolerClientsFull => Waits(Long);
    pooler_waited: PoolerWaited => Waits(Long);
    clients_full: ClientsFull => Waits(Long);
    read_only: ReadOnly => Waits(Deep);
    not_a_standby: NotAStandby => Waits(Deep);
    cluster_down: ClusterDown => Waits(Deep);
    query_failed: QueryFailed => Waits(Deep);
    query_silent: QuerySilent => Waits(Deep);
    http_status: HttpStatus => After(5_000, Deep);
    body_mismatch: BodyMismatch => After(5_000, Deep);
    echo_mismatch: EchoMismatch => After(5_000, Deep);
    table_missing: TableMissing => AtOnce;
    schema_behind: SchemaBehind => AtOnce;
    lease_held: LeaseHeld => Waits(Deep);
    lease_lost: LeaseLost => AtOnce;
    file_missing: FileMissing => Waits(Quick);
    file_denied: FileDenied => AtOnce;
    file_empty: FileEmpty => Waits(Quick);
    command_not_found: CommandNotFound => AtOnce;
    command_not_executable: CommandNotExecutable => AtOnce;
    command_failed: CommandFailed => Waits(Deep);
    command_killed: CommandKilled => Waits(Deep);
    step_failed: StepFailed => Waits(Deep);
    step_hopeless: StepHopeless => AtOnce;
    step_not_yet: StepNotYet => Waits(Deep);
    exited_before_ready: ExitedBeforeReady => AtOnce;
    zero_before_ready: ZeroBeforeReady => AtOnce;
    not_ready: NotReady => Waits(Deep);
    expired: Expired => AtOnce;
    no_time_left: NoTimeLeft => AtOnce;
    need_failed: NeedFailed => AtOnce;
    stopped: Stopped => AtOnce;
    internal: Internal => Waits(Deep);
}
