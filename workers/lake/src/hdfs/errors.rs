//! What an answer of HDFS means: the one place that knows the server's exception names.
//!
//! A call that could have changed something and broke off without an answer has an unknown outcome. An answer of the
//! NameNode is an answer: the call was not carried out. A connection that was never made carried nothing.

use std::io::ErrorKind as Io;

use hdfs_native::HdfsError;

use crate::{LakeError, limits::REASON_CHARS};

/// Whether the call could have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Reads,
    Changes,
}

/// Why a call gave no result.
#[derive(Debug)]
pub(super) enum Failure {
    Hdfs(HdfsError),
    /// It took longer than its limit, in milliseconds.
    TimedOut(u128),
    /// The client panicked: a broken answer, most likely.
    Panicked,
}

impl Failure {
    /// True where the connection cannot be trusted any more.
    pub fn poisons(&self) -> bool {
        match self {
            Failure::TimedOut(_) | Failure::Panicked => true,
            Failure::Hdfs(e) => {
                matches!(e, HdfsError::FatalRPCError(..) | HdfsError::InvalidRPCResponse(_))
                    || unauthenticated(e)
            }
        }
    }
}

/// The error for a failed call at `path`.
pub(super) fn classify(path: &str, call: Call, failure: Failure) -> LakeError {
    let path = path.to_owned();
    let broken = |path: String, reason: String| match call {
        Call::Reads => LakeError::Unavailable { path, reason },
        Call::Changes => LakeError::OutcomeUnknown { path, reason },
    };
    let error = match failure {
        Failure::TimedOut(ms) => return broken(path, format!("no answer within {ms} ms")),
        Failure::Panicked => {
            return broken(path, "an answer that the HDFS client does not understand".into());
        }
        Failure::Hdfs(error) => error,
    };
    if unauthenticated(&error) {
        let remedy = "give the Kerberos principal and keytab that the cluster knows, and check the clocks";
        return LakeError::Misconfigured { path, reason: format!("{}; {remedy}", shown(&error)) };
    }
    let reason = shown(&error);
    match &error {
        HdfsError::AlreadyExists(_) => LakeError::AlreadyExists { path },
        HdfsError::FileNotFound(_) => LakeError::NotFound { path },
        HdfsError::RPCError(class, message) => answered(path, class, message, reason),
        // The client gave up before it sent anything: no NameNode could be reached.
        HdfsError::IOError(e) if never_sent(e.kind()) => LakeError::Unavailable { path, reason },
        HdfsError::InvalidPath(_)
        | HdfsError::InvalidArgument(_)
        | HdfsError::UrlParseError(_)
        | HdfsError::XmlParseError(_)
        | HdfsError::UnsupportedFeature(_)
        | HdfsError::UnsupportedErasureCodingPolicy(_) => LakeError::Misconfigured { path, reason },
        HdfsError::IsADirectoryError(_) => LakeError::AlreadyExists { path },
        _ => broken(path, reason),
    }
}

/// An answer of the NameNode.
fn answered(path: String, class: &str, message: &str, reason: String) -> LakeError {
    match class.rsplit('.').next().unwrap_or(class) {
        "FileNotFoundException" => LakeError::NotFound { path },
        "FileAlreadyExistsException" | "AlreadyBeingCreatedException" => LakeError::AlreadyExists { path },
        // A directory has the name.
        "IOException" if message.contains("must both be directories") => LakeError::AlreadyExists { path },
        "AccessControlException" | "AuthorizationException" | "UnresolvedPathException" => {
            LakeError::Denied { path, reason }
        }
        "QuotaExceededException"
        | "NSQuotaExceededException"
        | "DSQuotaExceededException"
        | "QuotaByStorageTypeExceededException"
        | "DiskOutOfSpaceException" => LakeError::Full { path },
        "InvalidPathException" => LakeError::InvalidPath { path, reason: "HDFS does not take it" },
        // Safe mode, a standby, no DataNode to write to, a NameNode that starts: it passes.
        _ => LakeError::Unavailable { path, reason },
    }
}

fn never_sent(kind: Io) -> bool {
    matches!(
        kind,
        Io::ConnectionRefused
            | Io::HostUnreachable
            | Io::NetworkUnreachable
            | Io::AddrNotAvailable
            | Io::NotConnected
    )
}

/// True where the cluster does not believe who we are. It is no failure that waiting cures.
fn unauthenticated(error: &HdfsError) -> bool {
    match error {
        HdfsError::SASLError(_) | HdfsError::GSSAPIError(..) | HdfsError::NoSASLMechanism => true,
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
            let class = class.rsplit('.').next().unwrap_or(class);
            matches!(class, "SaslException" | "GSSException" | "SecretManager$InvalidToken")
                || (class == "AccessControlException" && message.contains("authentication is not enabled"))
        }
        HdfsError::OperationFailed(message) => message.contains("GSSAPI"),
        _ => false,
    }
}

/// The first line of what was said, without the server's stack trace.
fn shown(error: &HdfsError) -> String {
    let text = match error {
        HdfsError::RPCError(class, message) | HdfsError::FatalRPCError(class, message) => {
            format!("{}: {message}", class.rsplit('.').next().unwrap_or(class))
        }
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().chars().take(REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use market::ErrorKind;

    use super::*;

    fn rpc(class: &str, message: &str) -> Failure {
        Failure::Hdfs(HdfsError::RPCError(class.into(), message.into()))
    }

    #[test]
    fn answers_have_the_meanings_that_were_measured() {
        use Call::{Changes, Reads};
        use ErrorKind::{Corrupt, Misconfigured, Refused, Retry, Unavailable};
        let safe = "org.apache.hadoop.hdfs.server.namenode.SafeModeException";
        let zero = "File /x could only be written to 0 of the 1 minReplication nodes.\n at org.apache";
        let io = |kind| Failure::Hdfs(HdfsError::IOError(io::Error::from(kind)));
        let cases = [
            (Failure::Hdfs(HdfsError::AlreadyExists("rename destination".into())), Changes, Refused),
            (
                rpc("java.io.IOException", "Source /a and destination /b must both be directories"),
                Changes,
                Refused,
            ),
            (rpc("java.io.FileNotFoundException", "rename source /a is not found."), Changes, Corrupt),
            (rpc(safe, "Name node is in safe mode"), Changes, Unavailable),
            (rpc("java.io.IOException", zero), Changes, Unavailable),
            (rpc("org.apache.hadoop.ipc.StandbyException", "standby"), Changes, Unavailable),
            (
                rpc("org.apache.hadoop.security.AccessControlException", "Permission denied"),
                Reads,
                Misconfigured,
            ),
            (rpc("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", "quota"), Changes, Unavailable),
            (io(io::ErrorKind::ConnectionRefused), Changes, Unavailable),
            (io(io::ErrorKind::ConnectionReset), Changes, Retry),
            (io(io::ErrorKind::ConnectionAborted), Reads, Unavailable),
            (Failure::TimedOut(10_000), Changes, Retry),
            (Failure::TimedOut(10_000), Reads, Unavailable),
            (Failure::Panicked, Changes, Retry),
            (Failure::Hdfs(HdfsError::NoSASLMechanism), Changes, Misconfigured),
            (Failure::Hdfs(HdfsError::DataTransferError("All nodes failed".into())), Changes, Retry),
        ];
        for (failure, call, want) in cases {
            let shown = format!("{failure:?}");
            let error = classify("raw/x", call, failure);
            assert_eq!(error.kind(), want, "{shown}: {error}");
            assert!(error.to_string().contains("raw/x"), "{error}");
        }
        let full = classify("a", Changes, rpc("x.NSQuotaExceededException", "quota"));
        assert!(matches!(full, LakeError::Full { .. }), "{full}");
    }

    #[test]
    fn stack_traces_stay_with_the_server() {
        let error = classify("a", Call::Reads, rpc("x.RetriableException", "not started\n\tat java"));
        assert!(error.to_string().contains("RetriableException: not started;"), "{error}");
        assert!(!error.to_string().contains("java"), "{error}");
    }

    #[test]
    fn only_doubtful_connections_are_given_up() {
        assert!(Failure::TimedOut(1).poisons() && Failure::Panicked.poisons());
        assert!(!rpc("x.SafeModeException", "").poisons());
        assert!(!Failure::Hdfs(HdfsError::AlreadyExists("a".into())).poisons());
    }
}
