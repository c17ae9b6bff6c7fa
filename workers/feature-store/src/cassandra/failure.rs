//! What a cluster can answer, and what to do about it.

use market::ErrorKind;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, ExecutionError,
    MetadataError, MetadataFetchErrorKind, NewSessionError, NextPageError, NextRowError, PrepareError,
    RequestAttemptError, RequestError, UseKeyspaceError,
};

/// Why a call to a Cassandra cluster failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CassandraError {
    /// The settings cannot be used as they are.
    #[error("featureStore.cassandra: {what}: {why}")]
    Settings {
        /// Which one.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// No node answers.
    #[error(
        "no Cassandra node answers at {contact}: {why}. Check contactPoints, the network and that the cluster runs \
         (and tls, if it speaks TLS only)"
    )]
    Unreachable {
        /// Contact points.
        contact: String,
        /// What was seen.
        why: String,
    },
    /// The user is not let in.
    #[error(
        "Cassandra at {contact} refuses the login: {why}. Put a valid username and password into the Secret that \
         featureStore.cassandra.secretRef names"
    )]
    Credentials {
        /// Contact points.
        contact: String,
        /// The server's words.
        why: String,
    },
    /// TLS cannot be set up.
    #[error(
        "TLS to Cassandra at {contact}: {why}. Check the PEM text of the authority (caSecretRef), certificate and key"
    )]
    Tls {
        /// Contact points.
        contact: String,
        /// What was seen.
        why: String,
    },
    /// Nothing lives in the named data centre.
    #[error(
        "Cassandra at {contact} has no data centre {named:?}, it has {known}: set featureStore.cassandra.datacenter"
    )]
    Datacenter {
        /// Contact points.
        contact: String,
        /// As the settings say.
        named: String,
        /// What the cluster has.
        known: String,
    },
    /// The keyspace is not there.
    #[error(
        "Cassandra at {contact} has no keyspace {keyspace}: run `stockpipe init` with this manifest, or have it \
         created by an administrator and then run it"
    )]
    NoKeyspace {
        /// Contact points.
        contact: String,
        /// The keyspace.
        keyspace: String,
    },
    /// The keyspace lacks a table or a column of this manifest.
    #[error("keyspace {keyspace} lacks {missing}: run `stockpipe init` with this manifest")]
    NotPrepared {
        /// The keyspace.
        keyspace: String,
        /// What is not there.
        missing: String,
    },
    /// A newer program has been here.
    #[error(
        "keyspace {keyspace} has schema {found}, this program knows up to {known}: use the release that prepared it"
    )]
    Version {
        /// The keyspace.
        keyspace: String,
        /// In the keyspace.
        found: String,
        /// Of this program.
        known: u32,
    },
    /// The user may not do this.
    #[error("keyspace {keyspace}: {why}. Grant this user {grant} on it")]
    Permission {
        /// The keyspace.
        keyspace: String,
        /// The server's words.
        why: String,
        /// What is missing.
        grant: String,
    },
    /// No answer, or an answer that passes.
    #[error("Cassandra at {contact} did not {what} within {seconds} s: {why}. It is tried again")]
    Unanswered {
        /// Contact points.
        contact: String,
        /// What was asked.
        what: &'static str,
        /// How long it was tried.
        seconds: u64,
        /// The last answer.
        why: String,
    },
    /// The server does not understand us: a table of another shape, or our fault.
    #[error(
        "keyspace {keyspace} refused to {what}: {why}. Run `stockpipe init` with this manifest; if that does not \
         help, please report this"
    )]
    Refused {
        /// The keyspace.
        keyspace: String,
        /// What was asked.
        what: &'static str,
        /// The server's words.
        why: String,
    },
    /// A stored row is not what was written.
    #[error("keyspace {keyspace}, {place}: {why}. Remove the row and run `stockpipe replay --write`")]
    Unreadable {
        /// The keyspace.
        keyspace: String,
        /// Which row.
        place: String,
        /// What does not fit.
        why: String,
    },
}

impl CassandraError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            CassandraError::Settings { .. } => ErrorKind::BadInput,
            CassandraError::Unreachable { .. } | CassandraError::Unanswered { .. } => ErrorKind::Unavailable,
            CassandraError::Credentials { .. }
            | CassandraError::Tls { .. }
            | CassandraError::Datacenter { .. }
            | CassandraError::NoKeyspace { .. }
            | CassandraError::NotPrepared { .. }
            | CassandraError::Version { .. }
            | CassandraError::Permission { .. }
            | CassandraError::Refused { .. } => ErrorKind::Misconfigured,
            CassandraError::Unreadable { .. } => ErrorKind::Corrupt,
        }
    }
}

/// What an answer means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It passes: ask again.
    Passing,
    /// The login is no longer good.
    Credentials,
    /// The user may not.
    Permission,
    /// Never, in this form.
    Never,
}

/// What an error of the driver means.
pub(super) trait Judge: std::error::Error {
    fn judge(&self) -> Answer;
}

fn database(error: &DbError) -> Answer {
    match error {
        DbError::AuthenticationError => Answer::Credentials,
        DbError::Unauthorized => Answer::Permission,
        DbError::SyntaxError
        | DbError::Invalid
        | DbError::AlreadyExists { .. }
        | DbError::FunctionFailure { .. }
        | DbError::ConfigError
        | DbError::ProtocolError => Answer::Never,
        _ => Answer::Passing,
    }
}

impl Judge for RequestAttemptError {
    fn judge(&self) -> Answer {
        match self {
            RequestAttemptError::DbError(error, _) => database(error),
            RequestAttemptError::SerializationError(_) | RequestAttemptError::CqlRequestSerialization(_) => {
                Answer::Never
            }
            _ => Answer::Passing,
        }
    }
}

impl Judge for ConnectionError {
    fn judge(&self) -> Answer {
        let ConnectionError::ConnectionSetupRequestError(error) = self else { return Answer::Passing };
        match error.get_error() {
            ConnectionSetupRequestErrorKind::DbError(error, _) => database(error),
            ConnectionSetupRequestErrorKind::MissingAuthentication
            | ConnectionSetupRequestErrorKind::StartAuthSessionError(_)
            | ConnectionSetupRequestErrorKind::AuthChallengeEvaluationError(_)
            | ConnectionSetupRequestErrorKind::AuthFinishError(_) => Answer::Credentials,
            _ => Answer::Passing,
        }
    }
}

impl Judge for ConnectionPoolError {
    fn judge(&self) -> Answer {
        match self {
            ConnectionPoolError::Broken { last_connection_error } => last_connection_error.judge(),
            _ => Answer::Passing,
        }
    }
}

impl Judge for PrepareError {
    fn judge(&self) -> Answer {
        match self {
            PrepareError::ConnectionPoolError(error) => error.judge(),
            PrepareError::AllAttemptsFailed { first_attempt } => first_attempt.judge(),
            _ => Answer::Passing,
        }
    }
}

impl Judge for ExecutionError {
    fn judge(&self) -> Answer {
        match self {
            ExecutionError::BadQuery(_) => Answer::Never,
            ExecutionError::PrepareError(error) => error.judge(),
            ExecutionError::ConnectionPoolError(error) => error.judge(),
            ExecutionError::LastAttemptError(error) => error.judge(),
            _ => Answer::Passing,
        }
    }
}

impl Judge for UseKeyspaceError {
    fn judge(&self) -> Answer {
        match self {
            UseKeyspaceError::RequestError(error) => error.judge(),
            UseKeyspaceError::BadKeyspaceName(_) => Answer::Never,
            _ => Answer::Passing,
        }
    }
}

impl Judge for NewSessionError {
    fn judge(&self) -> Answer {
        match self {
            NewSessionError::MetadataError(MetadataError::ConnectionPoolError(error)) => error.judge(),
            NewSessionError::MetadataError(MetadataError::FetchError(error)) => match &error.error {
                MetadataFetchErrorKind::PrepareError(error) => error.judge(),
                MetadataFetchErrorKind::NextRowError(NextRowError::NextPageError(
                    NextPageError::RequestFailure(error),
                )) => match error {
                    RequestError::LastAttemptError(error) => error.judge(),
                    RequestError::ConnectionPoolError(error) => error.judge(),
                    _ => Answer::Passing,
                },
                _ => Answer::Passing,
            },
            NewSessionError::UseKeyspaceError(error) => error.judge(),
            _ => Answer::Passing,
        }
    }
}
