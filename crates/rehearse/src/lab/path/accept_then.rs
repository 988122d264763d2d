//! A listener that accepts everybody and then lets them down, as a proxy does whose backend is gone.
//!
//! Start reading at [`AcceptThen`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::error::{Error, Result};
use super::super::port::Port;
use super::super::scratch::Scratch;
use super::stream::{Listener, Place, Stream};

/// How long a connection that was closed waits for its client to close too.
const LINGER: Duration = Duration::from_secs(5);

/// How a connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// It is closed: the client reads its end.
    #[default]
    Close,
    /// It is reset: the client reads ECONNRESET. On a unix socket the same as [`End::Close`].
    Reset,
    /// It is left open in silence until the listener is dropped.
    Silence,
}

/// What happens on each connection: read and say things in turn, then end.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Vec<Step>,
    end: End,
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Say(Vec<u8>),
}

impl Script {
    /// Ends each connection as soon as it is accepted, before any greeting.
    pub fn at_once(end: End) -> Script {
        Script { steps: Vec::new(), end }
    }

    /// Reads `n` bytes of the client, then ends.
    pub fn after(n: usize, end: End) -> Script {
        Script::at_once(end).read(n)
    }

    /// Agrees to a Postgres client's request for TLS, reads the beginning of its handshake, then ends.
    pub fn postgres_mid_tls(end: End) -> Script {
        // The request has 8 bytes; five more are the head of the first TLS record.
        Script::at_once(end).read(8).say(b"S").read(5)
    }

    /// Reads the beginning of a TLS handshake, then ends.
    pub fn mid_tls(end: End) -> Script {
        Script::after(5, end)
    }

    /// Then reads `n` bytes.
    pub fn read(mut self, n: usize) -> Script {
        self.steps.push(Step::Read(n));
        self
    }

    /// Then sends `bytes`.
    pub fn say(mut self, bytes: impl Into<Vec<u8>>) -> Script {
        self.steps.push(Step::Say(bytes.into()));
        self
    }

    /// A client that goes away in the middle ends its own script.
    fn play(&self, mut stream: &Stream) -> std::io::Result<()> {
        for step in &self.steps {
            match step {
                Step::Read(n) => {
                    let read = std::io::copy(&mut stream.take(*n as u64), &mut std::io::sink())?;
                    if read < *n as u64 {
                        return Ok(());
                    }
                }
                Step::Say(bytes) => stream.write_all(bytes)?,
            }
        }
        Ok(())
    }
}

/// Closes so that the client reads an end, and not a reset: that is what the kernel makes of unread bytes.
fn close(mut stream: &Stream) {
    stream.finish();
    stream.limit_reads(LINGER);
    // Until the client closes too, or says nothing more for a while.
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
    stream.shut();
}

/// A listener that follows a [`Script`] on every connection.
#[derive(Debug)]
pub struct AcceptThen {
    place: Place,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    listener: Listener,
    _scratch: Option<Scratch>,
}

#[derive(Debug, Default)]
struct Shared {
    done: AtomicBool,
    accepted: AtomicUsize,
}

impl AcceptThen {
    /// On a port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub fn tcp(script: Script) -> Result<AcceptThen> {
        Self::on(Port::reserve()?, script)
    }

    /// On a port that was reserved.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on.
    pub fn on(port: Port, script: Script) -> Result<AcceptThen> {
        let address = port.address();
        let listener = Listener::Tcp(TcpListener::from(port.listen(128)?));
        Self::begin(listener, Place::Tcp(address), script, None)
    }

    /// On a socket of this name in a directory of its own; directories in the name are made.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn unix(name: &str, script: Script) -> Result<AcceptThen> {
        let scratch = Scratch::new("close")?;
        if let Some((directory, _)) = name.rsplit_once('/') {
            scratch.directory(directory)?;
        }
        let path = scratch.path().join(name);
        let listener = Listener::Unix(UnixListener::bind(&path).map_err(Error::at("listen on", &path))?);
        Self::begin(listener, Place::Unix(path), script, Some(scratch))
    }

    fn begin(listener: Listener, place: Place, script: Script, scratch: Option<Scratch>) -> Result<AcceptThen> {
        let accepting = listener.try_clone().map_err(Error::io("accept connections"))?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || serve(&accepting, &script, &theirs));
        Ok(AcceptThen { place, shared, thread: Some(thread), listener, _scratch: scratch })
    }

    /// Its TCP address, when it has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match &self.place {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    /// Its socket, when it has one.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Tcp(_) => None,
            Place::Unix(path) => Some(path),
        }
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for AcceptThen {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::SeqCst);
        self.listener.shut();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &Listener, script: &Script, shared: &Shared) {
    let mut kept: Vec<Arc<Stream>> = Vec::new();
    // Weak, because a reset happens when the last owner lets go.
    let mut players: Vec<(Weak<Stream>, JoinHandle<()>)> = Vec::new();
    loop {
        let Ok(stream) = listener.accept() else { break };
        if shared.done.load(Ordering::SeqCst) {
            break;
        }
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        players.retain(|(_, player)| !player.is_finished());
        let stream = Arc::new(stream);
        if script.end == End::Silence {
            kept.push(Arc::clone(&stream));
        }
        let (weak, script) = (Arc::downgrade(&stream), script.clone());
        players.push((weak, std::thread::spawn(move || follow(&stream, &script))));
    }
    // Nobody is left in the middle of a script.
    for (stream, player) in players {
        if let Some(stream) = stream.upgrade() {
            stream.shut();
        }
        let _ = player.join();
    }
}

fn follow(stream: &Stream, script: &Script) {
    // A failure here is the client's: it has gone.
    let _ = script.play(stream);
    match script.end {
        End::Close => close(stream),
        End::Reset => stream.reset_at_end(),
        End::Silence => {}
    }
}
