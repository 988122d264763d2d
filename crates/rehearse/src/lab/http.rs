//! A small HTTP/1.1 server that does what a script says, in this process.
//!
//! It is for health endpoints and WebSocket handshakes that go wrong in a way that no real server can
//! be asked for: late, cut off in the middle, with the wrong status. It must never be used as a proof
//! that a real server is understood.
//!
//! Start reading at [`Http::start`] and [`Response`].

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};

use super::certs::Identity;
use super::error::{Error, Result};
use super::port::Port;

/// The longest head of a request, and the longest body, that is read.
const LONGEST: usize = 64 * 1024;
/// How long a client may take for its request.
const REQUEST: Duration = Duration::from_secs(30);

/// What a path answers.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    cut: Option<usize>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ordinary,
    /// Agrees to a WebSocket and sends every message back.
    Echo,
    /// Closes the connection without an answer.
    Hangup,
}

impl Response {
    /// A status with a body of text.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            cut: None,
            kind: Kind::Ordinary,
        }
    }

    /// 200 with a JSON body.
    pub fn json(body: impl Into<Vec<u8>>) -> Response {
        Response::new(200, body).header("content-type", "application/json")
    }

    /// A redirection.
    pub fn redirect(status: u16, to: &str) -> Response {
        Response::new(status, "").header("location", to)
    }

    /// Agrees to a WebSocket handshake and sends every message back; an ordinary request gets 426.
    pub fn web_socket() -> Response {
        Response { kind: Kind::Echo, ..Response::new(426, "this is a WebSocket") }
    }

    /// Closes the connection without an answer.
    pub fn hangup() -> Response {
        Response { kind: Kind::Hangup, ..Response::new(0, "") }
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Response {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// After this time.
    pub fn after(mut self, delay: Duration) -> Response {
        self.delay = delay;
        self
    }

    /// Closes the connection after `n` bytes of the body, whose whole length was announced.
    pub fn cut_after(mut self, n: usize) -> Response {
        self.cut = Some(n);
        self
    }

    fn write(&self, to: &mut impl Write, with_body: bool) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        to.write_all(head.as_bytes())?;
        if with_body {
            to.write_all(&self.body[..self.cut.map_or(self.body.len(), |n| n.min(self.body.len()))])?;
        }
        to.flush()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        301 | 302 | 307 | 308 => "Redirect",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Other",
    }
}

/// A request that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path, with the query.
    pub path: String,
    /// The headers, with names in small letters.
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct State {
    paths: BTreeMap<String, Response>,
    requests: Vec<Request>,
    done: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Ends the delays of answers when the server ends.
    ended: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An HTTP server; it ends when this is dropped.
#[derive(Debug)]
pub struct Http {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    listener: TcpListener,
    thread: Option<JoinHandle<()>>,
}

impl Http {
    /// Serves on a free port of 127.0.0.1; every path answers 404 until told otherwise.
    ///
    /// # Errors
    ///
    /// When there is no port.
    pub fn start() -> Result<Http> {
        Self::on(Port::reserve()?)
    }

    /// Serves on a reserved port.
    ///
    /// # Errors
    ///
    /// When it cannot be listened on.
    pub fn on(port: Port) -> Result<Http> {
        Self::serve(port, None)
    }

    /// Serves with TLS.
    ///
    /// # Errors
    ///
    /// When there is no port, or the certificate cannot be used.
    pub fn tls(identity: &Identity) -> Result<Http> {
        Self::serve(Port::reserve()?, Some(Arc::new(config(identity)?)))
    }

    fn serve(port: Port, tls: Option<Arc<ServerConfig>>) -> Result<Http> {
        let address = port.address();
        let listener = TcpListener::from(port.listen(128)?);
        let theirs = listener.try_clone().map_err(Error::io(format!("serve on {address}")))?;
        let shared = Arc::new(Shared::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let their_shared = Arc::clone(&shared);
        let thread = std::thread::spawn(move || accept(&theirs, tls.as_ref(), &their_shared));
        Ok(Http { address, scheme, shared, listener, thread: Some(thread) })
    }

    /// What `path`, without a query, answers from now on.
    pub fn set(&self, path: &str, response: Response) {
        self.shared.state().paths.insert(path.to_owned(), response);
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.shared.state().done = true;
        self.shared.ended.notify_all();
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn config(identity: &Identity) -> Result<ServerConfig> {
    let unusable = |why: String| Error::Cannot { what: "serve TLS", why, next: "use a certificate of Certs" };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(identity.chain_pem().as_bytes())
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| unusable(error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).map_err(|error| unusable(error.to_string()))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| unusable(error.to_string()))
}

fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, shared: &Arc<Shared>) {
    let mut open: Vec<(TcpStream, JoinHandle<()>)> = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if shared.state().done {
            break;
        }
        open.retain(|(_, thread)| !thread.is_finished());
        let (Ok(twin), tls, shared) = (stream.try_clone(), tls.cloned(), Arc::clone(shared)) else { continue };
        // A client that goes away ends its own conversation.
        open.push((twin, std::thread::spawn(move || drop(converse(stream, tls, &shared)))));
    }
    for (stream, thread) in open {
        let _ = stream.shutdown(std::net::Shutdown::Both);
        let _ = thread.join();
    }
}

fn converse(stream: TcpStream, tls: Option<Arc<ServerConfig>>, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(REQUEST))?;
    stream.set_nodelay(true)?;
    let socket = stream.try_clone()?;
    let result = match tls {
        None => talk(stream, shared),
        Some(config) => {
            let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
            talk(StreamOwned::new(connection, stream), shared)
        }
    };
    // The accepting thread has a handle too: closing ours would not close the connection.
    let _ = socket.shutdown(std::net::Shutdown::Both);
    result
}

/// One request after the other, until the connection ends or a response ends it.
fn talk<S: Read + Write>(mut stream: S, shared: &Shared) -> std::io::Result<()> {
    while let Some(request) = receive(&mut stream)? {
        let path = request.path.split('?').next().unwrap_or_default().to_owned();
        let response = {
            let mut state = shared.state();
            state.requests.push(request.clone());
            state.paths.get(&path).cloned().unwrap_or_else(|| Response::new(404, "no such path"))
        };
        let (guard, waited) = shared
            .ended
            .wait_timeout_while(shared.state(), response.delay, |state| !state.done)
            .unwrap_or_else(PoisonError::into_inner);
        drop(guard);
        if !waited.timed_out() || response.kind == Kind::Hangup {
            return Ok(());
        }
        match (response.kind, request.headers.get("sec-websocket-key")) {
            (Kind::Echo, Some(key)) => return echo(stream, key),
            _ => response.write(&mut stream, request.method != "HEAD")?,
        }
        if response.cut.is_some() || request.headers.get("connection").is_some_and(|value| value == "close") {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads a request and its body; `None` at the end of the connection.
fn receive(stream: &mut impl Read) -> std::io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
        if head.len() > LONGEST {
            return Err(std::io::Error::other("the head of the request is too long"));
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = headers.get("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    std::io::copy(&mut stream.take(body.min(LONGEST as u64)), &mut std::io::sink())?;
    Ok(Some(Request { method, path, headers }))
}

fn echo<S: Read + Write>(mut stream: S, key: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(head.as_bytes())?;
    stream.flush()?;
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
            break;
        }
    }
    Ok(())
}
