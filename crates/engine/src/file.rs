//! A file that has to be there, readable and not empty.

use crate::finding::{Failure, Passed, Subject};
use std::io;
use tminus_core::code::Code;

/// Looks at the file. A file system may hang, so that it is done away from the runtime's threads.
pub(crate) async fn look(path: &str) -> Result<Passed, Failure> {
    let owned = path.to_owned();
    let seen = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(owned)?;
        file.metadata()
    });
    let metadata = match seen.await {
        Ok(Ok(metadata)) => metadata,
        Ok(Err(error)) => {
            let code = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Code::FileMissing,
                io::ErrorKind::PermissionDenied => Code::FileDenied,
                _ => Code::FileMissing,
            };
            return Err(Failure::new(code, format!("{path}: {}", crate::dial::words(&error))));
        }
        Err(error) => return Err(Failure::new(Code::Internal, error)),
    };
    match metadata.len() {
        _ if metadata.is_dir() => Err(Failure::new(Code::FileMissing, format!("{path}: is a directory"))),
        // Pipes and devices have no size.
        0 if metadata.is_file() => Err(Failure::new(Code::FileEmpty, path)),
        size => Ok(Passed::default().with(Subject::Size, size)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_missing_empty_or_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let path = path.to_str().unwrap();
        assert_eq!(look(path).await.unwrap_err().code, Code::FileMissing);
        assert_eq!(look(directory.path().to_str().unwrap()).await.unwrap_err().code, Code::FileMissing);
        std::fs::write(path, "").unwrap();
        assert_eq!(look(path).await.unwrap_err().code, Code::FileEmpty);
        std::fs::write(path, "x").unwrap();
        assert_eq!(look(path).await.unwrap().notes[0].value, "1");
        assert_eq!(look(&format!("{path}/below")).await.unwrap_err().code, Code::FileMissing);
    }
}
