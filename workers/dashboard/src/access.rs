//! Who may look: one username and one password, by HTTP Basic.
//!
//! They stand before the page, the interface and the stream alike. A browser asks for them once and sends them with
//! every request of the page, the event stream included; a script sends them with `curl -u`. What an orchestrator and a
//! scraper ask (`/livez`, `/readyz`, `/metrics`, `/status`) is not part of this crate and stays open.
//!
//! Not here: TLS. Over plain HTTP the password can be read on its way; what ends TLS stands in front of the dashboard.

use std::{fmt, hint::black_box, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// What a browser shows where it asks.
const CHALLENGE: &str = "Basic realm=\"Stockpipe\", charset=\"UTF-8\"";

/// A username and a password. Only their digests are kept: they have one length, so a comparison tells nobody how long
/// the right ones are, and nothing that is printed can show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: [u8; 32],
    password: [u8; 32],
}

/// Why a username or a password cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredentials {
    /// HTTP Basic ends the username at the first colon.
    #[error("the username has a colon, which HTTP Basic cannot send: choose one without")]
    Colon,
    /// HTTP Basic forbids control characters.
    #[error("the {0} has a control character, which HTTP Basic cannot send: write it again in one line")]
    Control(&'static str),
}

impl Credentials {
    /// These, where HTTP can carry them.
    pub fn new(username: &str, password: &str) -> Result<Self, InvalidCredentials> {
        if username.contains(':') {
            return Err(InvalidCredentials::Colon);
        }
        for (what, text) in [("username", username), ("password", password)] {
            if text.chars().any(char::is_control) {
                return Err(InvalidCredentials::Control(what));
            }
        }
        Ok(Self { username: digest(username.as_bytes()), password: digest(password.as_bytes()) })
    }

    /// Whether these headers carry them; where they do not, why.
    fn admits(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        let Some(given) = headers.get(header::AUTHORIZATION) else {
            return Err("asks for the username and the password of dashboard.auth");
        };
        let Some((username, password)) = basic(given) else {
            return Err("takes HTTP Basic, and the Authorization header holds something else");
        };
        // Both are compared whatever the first says: the time is the same for a wrong name and a wrong password.
        let name = same(&digest(&username), &self.username);
        let word = same(&digest(&password), &self.password);
        if name & word { Ok(()) } else { Err("does not know this username with this password") }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// Lets only those in who carry the credentials; without any, everybody.
pub(crate) fn restricted<S>(router: Router<S>, credentials: Option<Credentials>) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let Some(credentials) = credentials else { return router };
    let credentials = Arc::new(credentials);
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let admitted = credentials.admits(request.headers());
        async move {
            match admitted {
                Ok(()) => next.run(request).await,
                Err(reason) => refusal(reason),
            }
        }
    }))
}

fn refusal(reason: &str) -> Response {
    let mut response = Problem::new(
        StatusCode::UNAUTHORIZED,
        "dashboard",
        reason,
        "Type them where the browser asks, or send them by curl -u USERNAME:PASSWORD.",
    )
    .into_response();
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Username and password of `Basic dXNlcjpwYXNz`.
fn basic(header: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Equality in a time that does not tell where the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    black_box(a.iter().zip(b).fold(0_u8, |sum, (x, y)| black_box(sum | (x ^ y)))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(text).unwrap());
        headers
    }

    fn sent(pair: &str) -> HeaderMap {
        header(&format!("Basic {}", STANDARD.encode(pair)))
    }

    #[test]
    fn only_the_exact_pair_is_admitted() {
        let known = Credentials::new("ada", "pä:ss word").unwrap();
        assert_eq!(known.admits(&sent("ada:pä:ss word")), Ok(()));
        assert_eq!(known.admits(&header(&format!("bAsIc {}", STANDARD.encode("ada:pä:ss word")))), Ok(()));
        for wrong in
            ["ada:pä:ss wor", "ada:pä:ss word ", "ad:pä:ss word", "Ada:pä:ss word", ":", "ada:", "ada"]
        {
            assert!(known.admits(&sent(wrong)).is_err(), "{wrong}");
        }
        for wrong in ["Bearer pä:ss word", "Basic", "Basic ", "Basic %%%", "basicYWRhOg=="] {
            let Ok(value) = HeaderValue::from_str(wrong) else { continue };
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            assert!(known.admits(&headers).is_err(), "{wrong}");
        }
        let nothing = known.admits(&HeaderMap::new()).unwrap_err();
        assert!(nothing.contains("dashboard.auth"), "{nothing}");
    }

    #[test]
    fn what_http_cannot_carry_is_refused_and_nothing_is_shown() {
        assert_eq!(Credentials::new("a:b", "x"), Err(InvalidCredentials::Colon));
        assert_eq!(Credentials::new("a", "x\ny"), Err(InvalidCredentials::Control("password")));
        assert_eq!(Credentials::new("a\t", "x"), Err(InvalidCredentials::Control("username")));
        let shown = format!("{:?}", Credentials::new("ada", "secret").unwrap());
        assert!(!shown.contains("ada") && !shown.contains("secret"), "{shown}");
    }
}
