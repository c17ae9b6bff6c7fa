//! librdkafka's errors, sorted into what can be done about them.

use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::context::{Reasons, Trouble};
use crate::LogError;

/// What a call was about, for the error it may end with.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// `cannot read`, `cannot write to`.
    pub(super) what: &'static str,
    /// A topic, a group, the cluster.
    pub(super) subject: &'a str,
    /// The cluster's address.
    pub(super) bootstrap: &'a str,
    /// When the call began: older reasons are not its.
    pub(super) began: Instant,
}

impl About<'_> {
    /// The error of a call that ended with `error`.
    pub(super) fn fail(&self, error: &KafkaError, reasons: &Reasons) -> LogError {
        let subject = || self.subject.to_owned();
        match code(error) {
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                LogError::UnknownTopic { topic: subject() }
            }
            Some(
                code @ (Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::TransactionalIdAuthorizationFailed),
            ) => LogError::Forbidden { what: self.what, subject: subject(), why: code.to_string() },
            Some(code @ (Code::Authentication | Code::SaslAuthenticationFailed)) => {
                self.login(code.to_string())
            }
            Some(
                code @ (Code::Fenced
                | Code::ProducerFenced
                | Code::InvalidProducerEpoch
                | Code::FencedInstanceId),
            ) => LogError::Fenced { subject: subject(), why: code.to_string() },
            _ => self.silent(error, reasons),
        }
    }

    fn login(&self, why: String) -> LogError {
        LogError::WrongCredentials { bootstrap: self.bootstrap.to_owned(), why }
    }

    /// An error that does not say why: a refused login, a failed handshake or no broker at all.
    fn silent(&self, error: &KafkaError, reasons: &Reasons) -> LogError {
        match reasons.since(self.began) {
            Some((Trouble::Login, why)) => self.login(why),
            Some((Trouble::Tls, why)) => LogError::Tls { bootstrap: self.bootstrap.to_owned(), why },
            Some((Trouble::Network, why)) => {
                LogError::Unreachable { bootstrap: self.bootstrap.to_owned(), why }
            }
            None => {
                LogError::Kafka { what: self.what, subject: self.subject.to_owned(), why: error.to_string() }
            }
        }
    }
}

/// The broker's or the client's code, wherever the error keeps it.
pub(super) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        KafkaError::Transaction(error) => Some(error.code()),
        error => error.rdkafka_error_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::ErrorKind;

    #[test]
    fn each_failure_has_its_name_and_kind() {
        let reasons = Reasons::default();
        let about =
            About { what: "cannot read", subject: "ticks", bootstrap: "kafka:9092", began: Instant::now() };
        for (code, kind, says) in [
            (Code::UnknownTopicOrPartition, ErrorKind::Misconfigured, "does not exist"),
            (Code::TopicAuthorizationFailed, ErrorKind::Misconfigured, "permission"),
            (Code::SaslAuthenticationFailed, ErrorKind::Misconfigured, "refused the credentials"),
            (Code::ProducerFenced, ErrorKind::Fenced, "clientId"),
            (Code::BrokerTransportFailure, ErrorKind::Unavailable, "cannot read ticks"),
        ] {
            for error in [KafkaError::MetadataFetch(code), KafkaError::AdminOp(code)] {
                let error = about.fail(&error, &reasons);
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().contains(says), "{error}");
            }
        }
    }
}
