//! A network of the test's own, in namespaces: a way on which packets really get lost until told otherwise.
//!
//! Two namespaces are joined by a cable. The near one is where the program under test runs; behind the
//! other end there are several hosts (addresses), each of which is there or not. Packets to one that is
//! not there vanish without an answer, as behind a firewall or on a way that is not programmed yet, and
//! connections that were open fall silent. The machine's own network is not touched, and everything
//! vanishes with the processes that hold the namespaces, which end when this process does.
//!
//! It needs root (CAP_SYS_ADMIN), or a kernel that gives user namespaces to everybody; in the second
//! case programs can be run in it, but not threads of this process.
//!
//! Start reading at [`Network::new`].

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::super::error::{Error, Result};
use super::super::programs::Program;
use super::super::scratch::Scratch;

/// How many hosts there are behind the far end.
pub const HOSTS: u8 = 8;
/// Fixed, so that nobody has to ask for addresses: a host that is not there could not answer.
const NEAR_LINK: &str = "02:00:00:00:71:01";
const FAR_LINK: &str = "02:00:00:00:71:02";
const LISTEN_BACKLOG: i32 = 128;
const NEXT: &str = "run as root with CAP_SYS_ADMIN, or allow unprivileged user namespaces";

/// Whether the namespaces were made as root, or as root of a user namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Power {
    Root,
    Mapped,
}

/// Two joined namespaces; they are gone when this is dropped.
#[derive(Debug)]
pub struct Network {
    near: Holder,
    far: Holder,
    power: Power,
    scratch: Scratch,
}

/// A process that does nothing but be in a namespace, until its input ends.
#[derive(Debug)]
struct Holder {
    child: Child,
}

impl Holder {
    /// Runs `unshare` with a shell that says when it is inside.
    fn start(mut unshare: Command) -> std::result::Result<Holder, String> {
        let child = unshare
            .args(["/bin/sh", "-c", "echo inside; exec cat >/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut holder = Holder { child };
        let mut line = String::new();
        if let Some(output) = holder.child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| error.to_string())?;
        }
        if line.trim() == "inside" {
            return Ok(holder);
        }
        let mut said = String::new();
        if let Some(errors) = holder.child.stderr.take() {
            // The program has ended: it said why, if anything, in a line or two.
            let _ = BufReader::new(errors).read_line(&mut said);
        }
        Err(said.trim().to_owned())
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

impl Network {
    /// Two namespaces, joined; no host is there yet.
    ///
    /// # Errors
    ///
    /// [`Error::Cannot`] when this machine or this user cannot make namespaces, with what would help.
    pub fn new() -> Result<Network> {
        let unshare = Program::Unshare.find()?;
        let make = |options: &[&str]| {
            let mut command = Command::new(&unshare);
            command.args(options);
            Holder::start(command)
        };
        let (near, power) = match make(&["--net"]) {
            Ok(near) => (near, Power::Root),
            Err(first) => match make(&["--user", "--map-root-user", "--net"]) {
                Ok(near) => (near, Power::Mapped),
                Err(second) => return Err(cannot("make a network namespace", format!("{first}; {second}"))),
            },
        };
        let mut inside = enter_command(&near, power, Depth::User)?;
        inside.arg(&unshare).arg("--net");
        let far = Holder::start(inside).map_err(|why| cannot("make a second network namespace", why))?;
        let network = Network { near, far, power, scratch: Scratch::new("net")? };
        network.join()?;
        Ok(network)
    }

    /// Lays the cable.
    fn join(&self) -> Result<()> {
        let far = self.far.pid();
        let mut near = vec![
            "link set lo up".to_owned(),
            format!("link add way address {NEAR_LINK} type veth peer name way address {FAR_LINK} netns {far}"),
            format!("address add {}/24 dev way", Self::near_address()),
            "link set way up".to_owned(),
        ];
        let mut far = vec!["link set lo up".to_owned(), "link set way up".to_owned()];
        far.push("address add 10.71.0.254/24 dev way".to_owned());
        far.push(format!("neighbour replace {} lladdr {NEAR_LINK} dev way nud permanent", Self::near_address()));
        for host in 1..=HOSTS {
            let address = Self::host(host);
            near.push(format!("neighbour replace {address} lladdr {FAR_LINK} dev way nud permanent"));
        }
        if Self::has_ipv6() {
            near.push(format!("-6 address add {}/64 dev way nodad", Self::near_address6()));
            far.push("-6 address add fd71::fe/64 dev way nodad".to_owned());
            far.push(format!(
                "-6 neighbour replace {} lladdr {NEAR_LINK} dev way nud permanent",
                Self::near_address6()
            ));
            for host in 1..=HOSTS {
                let address = Self::host6(host);
                near.push(format!("-6 neighbour replace {address} lladdr {FAR_LINK} dev way nud permanent"));
            }
        }
        self.ip(&self.near, &near)?;
        self.ip(&self.far, &far)
    }

    /// Whether hosts have IPv6 addresses here too.
    pub fn has_ipv6() -> bool {
        std::path::Path::new("/proc/net/if_inet6").exists()
    }

    /// The address of the near end.
    pub fn near_address() -> Ipv4Addr {
        Ipv4Addr::new(10, 71, 0, 1)
    }

    /// The IPv6 address of the near end.
    pub fn near_address6() -> Ipv6Addr {
        Ipv6Addr::new(0xfd71, 0, 0, 0, 0, 0, 0, 1)
    }

    /// The address of a host, of 1 to [`HOSTS`].
    pub fn host(number: u8) -> IpAddr {
        Ipv4Addr::new(10, 71, 0, 100 + number).into()
    }

    /// The IPv6 address of a host.
    pub fn host6(number: u8) -> IpAddr {
        Ipv6Addr::new(0xfd71, 0, 0, 0, 0, 0, 1, u16::from(number)).into()
    }

    /// The host is there: packets to this address of it arrive.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn open(&self, host: IpAddr) -> Result<()> {
        let (family, prefix, flags) = if host.is_ipv6() { ("-6", 128, " nodad") } else { ("-4", 32, "") };
        self.ip(&self.far, &[format!("{family} address replace {host}/{prefix} dev way{flags}")])
    }

    /// The host is not there any more: packets to this address of it vanish.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn close(&self, host: IpAddr) -> Result<()> {
        let (family, prefix) = if host.is_ipv6() { ("-6", 128) } else { ("-4", 32) };
        self.ip(&self.far, &[format!("{family} address del {host}/{prefix} dev way")])
    }

    /// Tells the near kernel that this host cannot be reached (EHOSTUNREACH), until [`Network::restore`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn unreachable(&self, host: IpAddr) -> Result<()> {
        self.ip(&self.near, &[format!("{} route replace unreachable {host}", family(host))])
    }

    /// Undoes [`Network::unreachable`].
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn restore(&self, host: IpAddr) -> Result<()> {
        self.ip(&self.near, &[format!("{} route del unreachable {host}", family(host))])
    }

    /// A program in the near namespace. Signals sent to the child reach the program itself.
    ///
    /// # Errors
    ///
    /// When `nsenter` is missing.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let mut command = enter_command(&self.near, self.power, Depth::Network)?;
        command.arg(program);
        Ok(command)
    }

    /// As [`Network::command`], for a program whose system resolver asks the name server at `server`, port 53 (for
    /// example a [`Dns`](super::Dns) that was started by [`Network::enter`]).
    ///
    /// # Errors
    ///
    /// When a program is missing, or the resolver's file cannot be made.
    pub fn command_resolving(&self, server: IpAddr, program: impl AsRef<OsStr>) -> Result<Command> {
        let name = format!("resolv-{server}");
        let file = self.scratch.path().join(&name);
        if !file.exists() {
            self.scratch.write(&name, format!("nameserver {server}\noptions timeout:1 attempts:1\n").as_bytes())?;
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644))
                .map_err(Error::at("set the mode of", &file))?;
        }
        let mut command = enter_command(&self.near, self.power, Depth::Network)?;
        // A mount namespace of the program's own: nobody else's resolver is changed. Names are asked of the server
        // alone, not of a file.
        command.arg(Program::Unshare.find()?).args(["--mount", "/bin/sh", "-c"]);
        command.arg("mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"").arg("sh").arg(file).arg(program);
        Ok(command)
    }

    /// A program in the far namespace, for example a server that listens on all addresses.
    ///
    /// # Errors
    ///
    /// When `nsenter` is missing.
    pub fn far_command(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let mut command = enter_command(&self.far, self.power, Depth::Network)?;
        command.arg(program);
        Ok(command)
    }

    /// Runs `work` on a thread that is in the near namespace; whatever it starts or connects is there too.
    ///
    /// # Errors
    ///
    /// [`Error::Cannot`] for a user who is not root: a process of several threads cannot enter a user namespace.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        self.on_thread_in(&self.near, work)
    }

    /// A listener on `port` of every host, of both families. It can be accepted from anywhere: a
    /// [`Relay`](super::Relay) from it leads to a server of the machine.
    ///
    /// # Errors
    ///
    /// As [`Network::enter`], or when the port is taken.
    pub fn far_listener(&self, port: u16) -> Result<TcpListener> {
        self.on_thread_in(&self.far, move || listen(port))?
            .map_err(Error::io(format!("listen on port {port} of the far namespace")))
    }

    fn on_thread_in<T: Send>(&self, holder: &Holder, work: impl FnOnce() -> T + Send) -> Result<T> {
        if self.power == Power::Mapped {
            return Err(cannot("enter the namespace in this process", "this user is not root".to_owned()));
        }
        let path = format!("/proc/{}/ns/net", holder.pid());
        let namespace = std::fs::File::open(&path).map_err(Error::at("open", &path))?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .map_err(Error::at("enter", &path))?;
                Ok(work())
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Runs commands of `ip` in a namespace.
    fn ip(&self, holder: &Holder, lines: &[String]) -> Result<()> {
        let ip = Program::Ip.find()?;
        for line in lines {
            let mut command = enter_command(holder, self.power, Depth::Network)?;
            let output = command
                .arg(&ip)
                .args(line.split(' '))
                .stdin(Stdio::null())
                .output()
                .map_err(Error::io(format!("run ip {line}")))?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(cannot("set up the namespaces", format!("ip {line}: {why}")));
            }
        }
        Ok(())
    }
}

/// How far to go into the namespaces of a holder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Where its network can be configured, but not into it.
    User,
    /// Into its network.
    Network,
}

/// `nsenter` into the namespaces of a holder; what follows is the program.
fn enter_command(holder: &Holder, power: Power, depth: Depth) -> Result<Command> {
    // Root has no user namespace to enter, and without any option nsenter has nothing to do.
    if power == Power::Root && depth == Depth::User {
        return Ok(Command::new("/usr/bin/env"));
    }
    let mut command = Command::new(Program::Nsenter.find()?);
    command.args(["--target", &holder.pid()]);
    if power == Power::Mapped {
        command.args(["--user", "--preserve-credentials"]);
    }
    if depth == Depth::Network {
        command.arg("--net");
    }
    command.arg("--");
    Ok(command)
}

fn family(host: IpAddr) -> &'static str {
    if host.is_ipv6() { "-6" } else { "-4" }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    let family = if Network::has_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if Network::has_ipv6() {
        sockopt::set_ipv6_v6only(&socket, false)?;
        rustix::net::bind(&socket, &std::net::SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)))?;
    } else {
        rustix::net::bind(&socket, &std::net::SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
    }
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    Ok(TcpListener::from(socket))
}

fn cannot(what: &'static str, why: String) -> Error {
    Error::Cannot { what, why, next: NEXT }
}
