//! A way that works, to a server that is somewhere else.
//!
//! It joins the end of a fault to a real server: a black hole that opens onto a Postgres, a namespace
//! that reaches a Redis outside of it. It must never change a byte.
//!
//! Start reading at [`Relay::start`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::super::error::{Error, Result};
use super::stream::{Listener, Place, Stream};

/// Copies both ways between those who connect to a listener and a server, until dropped.
#[derive(Debug)]
pub struct Relay {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    listener: Listener,
}

impl Relay {
    /// Accepts on `listener` and connects each client to `target`; one that cannot be connected is closed.
    ///
    /// # Errors
    ///
    /// When there are no handles left.
    pub fn start(listener: impl Into<Listener>, target: impl Into<Place>) -> Result<Relay> {
        let (listener, target) = (listener.into(), target.into());
        let theirs = listener.try_clone().map_err(Error::io("relay to a server"))?;
        let done = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&done);
        let thread = std::thread::spawn(move || accept(&theirs, &target, &ends));
        Ok(Relay { done, thread: Some(thread), listener })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.done.store(true, Ordering::SeqCst);
        self.listener.shut();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept(listener: &Listener, target: &Place, done: &AtomicBool) {
    let mut open: Vec<(Arc<Stream>, JoinHandle<()>)> = Vec::new();
    while let Ok(client) = listener.accept() {
        if done.load(Ordering::SeqCst) {
            break;
        }
        open.retain(|(_, thread)| !thread.is_finished());
        let (client, target) = (Arc::new(client), target.clone());
        open.push((Arc::clone(&client), std::thread::spawn(move || join(&client, &target))));
    }
    for (client, thread) in open {
        client.shut();
        let _ = thread.join();
    }
}

fn join(client: &Stream, target: &Place) {
    let Ok(server) = target.connect() else {
        client.shut();
        return;
    };
    client.at_once();
    server.at_once();
    std::thread::scope(|scope| {
        scope.spawn(|| copy(client, &server));
        copy(&server, client);
    });
}

/// Copies until one side ends, and passes the end on.
fn copy(mut from: &Stream, mut to: &Stream) {
    let result = std::io::copy(&mut from, &mut to);
    to.finish();
    if result.is_err() {
        from.shut();
    }
}
