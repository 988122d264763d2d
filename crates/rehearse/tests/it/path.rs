//! The broken ways, as a client meets them.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use tminus_rehearse::lab::path::dns::Answer;
use tminus_rehearse::lab::path::{AcceptThen, Dns, End, FullBacklog, FullSocket, Network, Relay, Script, SocketFile};
use tminus_rehearse::lab::{Port, Postgres, Program};

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, LONG).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// An echo of everything that comes, on a thread that ends with its only client.
fn echo(listener: TcpListener) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        std::io::copy(&mut &stream, &mut &stream).unwrap();
    })
}

#[test]
fn a_black_hole_opens_onto_a_real_server() {
    let server = Postgres::options().start().unwrap();
    let hole = FullBacklog::new().unwrap();
    let address = hole.address();
    let failed = TcpStream::connect_timeout(&address, Duration::from_millis(200)).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TimedOut);
    let relay = Relay::start(hole.open().unwrap(), server.address().unwrap()).unwrap();
    let mut client = connect(address);
    // A request for TLS, which this server has not.
    client.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
    drop(relay);
    assert_eq!(client.read(&mut answer).unwrap(), 0);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_port_refuses_then_is_a_black_hole() {
    let port = Port::reserve().unwrap();
    assert_eq!(TcpStream::connect(port.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let hole = FullBacklog::on(port).unwrap();
    let failed = TcpStream::connect_timeout(&hole.address(), Duration::from_millis(200)).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::TimedOut);
}

#[test]
fn accepted_then_closed_or_reset_before_a_greeting() {
    for (end, expected) in [(End::Close, None), (End::Reset, Some(ErrorKind::ConnectionReset))] {
        let listener = AcceptThen::tcp(Script::at_once(end)).unwrap();
        for n in 1..=3 {
            // A reset can come before the client has looked whether it is connected.
            let client = TcpStream::connect_timeout(&listener.address().unwrap(), LONG);
            let result = client.and_then(|mut client| {
                client.set_read_timeout(Some(LONG))?;
                client.read(&mut [0; 1])
            });
            match expected {
                None => assert_eq!(result.unwrap(), 0),
                Some(kind) => assert_eq!(result.unwrap_err().kind(), kind),
            }
            assert_eq!(listener.accepted(), n);
        }
    }
}

#[test]
fn a_client_that_spoke_first_reads_the_end_all_the_same() {
    let listener = AcceptThen::tcp(Script::at_once(End::Close)).unwrap();
    let socket = AcceptThen::unix("s", Script::at_once(End::Close)).unwrap();
    for _ in 0..50 {
        let mut client = connect(listener.address().unwrap());
        client.write_all(&[0; 64]).unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        let mut client = UnixStream::connect(socket.path().unwrap()).unwrap();
        client.write_all(&[0; 64]).unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    }
}

#[test]
fn accepted_then_closed_in_the_middle_of_tls() {
    let listener = AcceptThen::tcp(Script::postgres_mid_tls(End::Close)).unwrap();
    let mut client = connect(listener.address().unwrap());
    client.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).unwrap();
    let mut answer = [0];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"S");
    client.write_all(&[22, 3, 1, 2, 0]).unwrap();
    assert_eq!(client.read(&mut answer).unwrap(), 0);
}

#[test]
fn accepted_then_silence_until_dropped() {
    let listener = AcceptThen::tcp(Script::after(1, End::Silence).say("hello")).unwrap();
    let mut client = connect(listener.address().unwrap());
    client.write_all(b"x").unwrap();
    let mut answer = [0; 5];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert_eq!(client.read(&mut answer).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(listener);
    client.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(client.read(&mut answer).unwrap(), 0);
}

#[test]
fn a_socket_accepts_then_closes_as_cloud_sql_did() {
    let listener = AcceptThen::unix("p:r:i/.s.PGSQL.5432", Script::at_once(End::Close)).unwrap();
    let path = listener.path().unwrap().to_owned();
    let mut client = UnixStream::connect(&path).unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn a_full_socket_opens_onto_a_real_server() {
    let server = Postgres::options().cloud_sql("p:r:i").start().unwrap();
    let full = FullSocket::new(".s.PGSQL.5432").unwrap();
    let directory = full.path().parent().unwrap().to_owned();
    let (listener, _kept) = full.open().unwrap();
    let _relay = Relay::start(listener, server.socket()).unwrap();
    let psql = Program::Psql.find().unwrap();
    let url = format!("postgres://app:correct-horse@/app?host={}", directory.display());
    let output = Command::new(psql).args(["-Atc", "SELECT 6 * 7", &url]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
}

#[test]
fn programs_meet_in_a_network() {
    let network = Network::new().unwrap();
    network.open(Network::host(1)).unwrap();
    let mut server = network.far_command(Program::RedisServer.find().unwrap()).unwrap();
    server.args(["--port", "6379", "--bind", "*", "-::*", "--protected-mode", "no", "--save", "", "--dir", "/"]);
    let mut server = server.stdout(Stdio::null()).spawn().unwrap();
    let ping = |host: IpAddr| {
        let mut cli = network.command("timeout").unwrap();
        cli.arg("2").arg(Program::RedisCli.find().unwrap()).args(["-h", &host.to_string(), "PING"]);
        cli.stderr(Stdio::null()).output().unwrap().stdout
    };
    let began = std::time::Instant::now();
    while ping(Network::host(1)) != b"PONG\n" {
        assert!(began.elapsed() < LONG, "the server does not answer");
        assert_eq!(server.try_wait().unwrap(), None);
    }
    assert_eq!(ping(Network::host(2)), b"");
    network.open(Network::host(2)).unwrap();
    assert_eq!(ping(Network::host(2)), b"PONG\n");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_program_of_a_network_asks_our_name_server() {
    let network = Network::new().unwrap();
    let at = IpAddr::from(Ipv4Addr::LOCALHOST);
    let server = network.enter(|| Dns::on((at, 53).into())).unwrap().unwrap();
    server.set("db.lab.test", Answer::address([10, 71, 0, 101]));
    let mut getent = network.command_resolving(at, "getent").unwrap();
    let output = getent.args(["ahostsv4", "db.lab.test"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("10.71.0.101"), "{output:?}");
    assert!(server.asked("db.lab.test") > 0);
    server.set("db.lab.test", Answer::NoName);
    let mut getent = network.command_resolving(at, "getent").unwrap();
    assert_eq!(getent.args(["ahostsv4", "db.lab.test"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn socket_files_that_lead_nowhere() {
    let missing = SocketFile::missing("p:r:i/.s.PGSQL.5432").unwrap();
    assert_eq!(UnixStream::connect(missing.path()).unwrap_err().kind(), ErrorKind::NotFound);
    let stale = SocketFile::stale("s").unwrap();
    assert_eq!(UnixStream::connect(stale.path()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let file = SocketFile::not_a_socket("s").unwrap();
    assert_eq!(UnixStream::connect(file.path()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_socket_that_others_may_not_reach() {
    let closed = SocketFile::not_permitted("s").unwrap();
    let setpriv = Program::Setpriv.find().unwrap();
    let mut command = Command::new(setpriv);
    if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    let psql = Program::Psql.find().unwrap();
    let directory = closed.path().parent().unwrap();
    // psql reaches for .s.PGSQL.5432 in the directory, and is stopped at it.
    let output = command.arg(psql).arg("-h").arg(directory).args(["-c", "SELECT 1"]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("Permission denied"), "{error}");
}

#[test]
fn hosts_of_a_network_are_there_or_not() {
    let network = Network::new().unwrap();
    let (first, second) = (Network::host(1), Network::host(2));
    network.open(second).unwrap();
    let listener = network.far_listener(5432).unwrap();
    let dial =
        |host: IpAddr, limit| network.enter(move || TcpStream::connect_timeout(&(host, 5432).into(), limit)).unwrap();
    assert_eq!(dial(first, Duration::from_millis(1300)).unwrap_err().kind(), ErrorKind::TimedOut);
    dial(second, LONG).unwrap();
    listener.accept().unwrap();
    network.open(first).unwrap();
    let mut client = dial(first, LONG).unwrap();
    let served = echo(listener);
    client.write_all(b"there").unwrap();
    let mut text = [0; 5];
    client.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"there");
    // It falls silent: neither an answer nor a reset.
    network.close(first).unwrap();
    client.write_all(b"lost").unwrap();
    client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(client.read(&mut text).unwrap_err().kind(), ErrorKind::WouldBlock);
    network.open(first).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.read_exact(&mut text[..4]).unwrap();
    drop(client);
    served.join().unwrap();
}

#[test]
fn a_network_has_both_families_and_unreachable_hosts() {
    let network = Network::new().unwrap();
    let _listener = network.far_listener(80).unwrap();
    let host = if Network::has_ipv6() { Network::host6(3) } else { Network::host(3) };
    let dial = |limit| network.enter(move || TcpStream::connect_timeout(&(host, 80).into(), limit)).unwrap();
    assert_eq!(dial(Duration::from_millis(200)).unwrap_err().kind(), ErrorKind::TimedOut);
    network.open(host).unwrap();
    dial(LONG).unwrap();
    network.unreachable(host).unwrap();
    assert_eq!(dial(LONG).unwrap_err().kind(), ErrorKind::HostUnreachable);
    network.restore(host).unwrap();
    dial(LONG).unwrap();
}

#[test]
fn a_server_of_the_machine_is_reached_through_a_network() {
    let server = Postgres::options().start().unwrap();
    let network = Network::new().unwrap();
    network.open(Network::host(1)).unwrap();
    let _relay = Relay::start(network.far_listener(5432).unwrap(), server.address().unwrap()).unwrap();
    let url = server.url().replace(&server.address().unwrap().to_string(), &format!("{}:5432", Network::host(1)));
    let mut psql = network.command(Program::Psql.find().unwrap()).unwrap();
    let output = psql.args(["-Atc", "SELECT 6 * 7", &url]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "42", "{output:?}");
}

/// Asks for the A records of `name`: the code and the truncation bit, and how many records there are.
fn ask(server: SocketAddr, name: &str, udp: bool) -> Option<(u8, bool, u16)> {
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(label.len() as u8);
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let mut answer = vec![0; 512];
    if udp {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        socket.send_to(&question, server).unwrap();
        let length = socket.recv(&mut answer).ok()?;
        answer.truncate(length);
    } else {
        let mut stream = connect(server);
        stream.write_all(&(question.len() as u16).to_be_bytes()).unwrap();
        stream.write_all(&question).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        answer.truncate(usize::from(u16::from_be_bytes(length)));
        stream.read_exact(&mut answer).unwrap();
    }
    assert_eq!(answer[..2], [0, 7]);
    Some((answer[3] & 15, answer[2] & 2 != 0, u16::from_be_bytes([answer[6], answer[7]])))
}

#[test]
fn a_name_server_says_what_it_was_told() {
    let server = Dns::start().unwrap();
    let at = server.address();
    let two = vec![IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]), "fd00::1".parse().unwrap()];
    server.set("db.test", Answer::Addresses(two.clone()));
    for (name, answer, expected) in [
        ("none.test", Answer::NoName, Some((3, false, 0))),
        ("fails.test", Answer::Failure, Some((2, false, 0))),
        ("refuses.test", Answer::Refused, Some((5, false, 0))),
        ("silent.test", Answer::Silence, None),
        ("long.test", Answer::Truncated(two), Some((0, true, 0))),
        ("slow.test", Answer::After(Duration::from_millis(20), Box::new(Answer::Failure)), Some((2, false, 0))),
    ] {
        server.set(name, answer);
        assert_eq!(ask(at, name, true), expected, "{name}");
        assert_eq!(server.asked(name), 1);
    }
    assert_eq!(ask(at, "unheard.test", true), Some((3, false, 0)));
    assert_eq!(ask(at, "DB.test", true), Some((0, false, 2)));
    assert_eq!(ask(at, "db.test", false), Some((0, false, 2)));
    assert_eq!(ask(at, "long.test", false), Some((0, false, 2)));
}

#[test]
fn a_name_server_flaps_and_ends_at_once() {
    let server = Dns::start().unwrap();
    let works = Answer::address([10, 0, 0, 1]);
    server.set("flaps.test", Answer::Turns(Box::new(works), Box::new(Answer::Failure)));
    let codes: Vec<u8> = (0..4).map(|_| ask(server.address(), "flaps.test", true).unwrap().0).collect();
    assert_eq!(codes, [0, 2, 0, 2]);
    // A delay that is under way does not keep it.
    server.set("slow.test", Answer::After(Duration::from_secs(3600), Box::new(Answer::NoName)));
    assert_eq!(ask(server.address(), "slow.test", true), None);
    let address = server.address();
    drop(server);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
