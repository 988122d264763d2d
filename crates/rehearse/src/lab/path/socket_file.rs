//! Socket files that lead nowhere: missing, stale, not a socket, not permitted.
//!
//! Start reading at [`SocketFile`].

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::super::error::{Error, Result};
use super::super::scratch::Scratch;

/// A path at which a program expects a socket.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    _listener: Option<UnixListener>,
    scratch: Scratch,
}

impl SocketFile {
    /// A path without a file, in a directory that exists.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub fn missing(name: &str) -> Result<SocketFile> {
        let scratch = Scratch::new("sock")?;
        if let Some((directory, _)) = name.rsplit_once('/') {
            scratch.directory(directory)?;
        }
        Ok(SocketFile { path: scratch.path().join(name), _listener: None, scratch })
    }

    /// A socket whose server is gone: connects are refused.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn stale(name: &str) -> Result<SocketFile> {
        let file = Self::missing(name)?;
        drop(UnixListener::bind(&file.path).map_err(Error::at("listen on", &file.path))?);
        Ok(file)
    }

    /// An ordinary file.
    ///
    /// # Errors
    ///
    /// When the file cannot be made.
    pub fn not_a_socket(name: &str) -> Result<SocketFile> {
        let file = Self::missing(name)?;
        std::fs::write(&file.path, b"").map_err(Error::at("write", &file.path))?;
        Ok(file)
    }

    /// A live socket in a directory that is closed to everybody but its owner, who is the user of this process. Root
    /// is not kept out by it: the program under test has to run as somebody else.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made.
    pub fn not_permitted(name: &str) -> Result<SocketFile> {
        let mut file = Self::missing(&format!("closed/{name}"))?;
        let listener = UnixListener::bind(&file.path).map_err(Error::at("listen on", &file.path))?;
        file._listener = Some(listener);
        let root = file.scratch.path().to_owned();
        let closed = root.join("closed");
        // The way to the closed directory is open, so that it is this one that refuses.
        for (path, mode) in [(&file.path, 0o000), (&closed, 0o000), (&root, 0o755)] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
                .map_err(Error::at("set the mode of", path))?;
        }
        Ok(file)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // An owner who is not root could not remove what is in a closed directory.
        let _ = std::fs::set_permissions(self.scratch.path().join("closed"), std::fs::Permissions::from_mode(0o700));
    }
}
