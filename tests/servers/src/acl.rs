//! Access lists of a secured broker, asked for by Kafka's own protocol: neither the Rust client nor the jars on Maven
//! Central offer a way.

use crate::certificates::APP;
use crate::error::ServerError;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CREATE_ACLS: i16 = 30;
const VERSION: i16 = 1;
const ALL: i8 = 2;
const ALLOW: i8 = 3;
const LITERAL: i8 = 3;
/// Topic, group, cluster, transactional id, with the name that stands for all of a kind.
const RESOURCES: &[(i8, &str)] = &[(2, "*"), (3, "*"), (4, "kafka-cluster"), (5, "*")];

/// Lets the application's user do everything. The other user has no line, so may do nothing.
pub(crate) async fn grant(bootstrap: &str) -> Result<(), ServerError> {
    let asked = tokio::time::timeout(Duration::from_secs(30), ask(bootstrap)).await;
    match asked {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(ServerError::Kafka(format!("access lists: {error}"))),
        Err(_) => Err(ServerError::Kafka("access lists: no answer within 30 s".to_owned())),
    }
}

async fn ask(bootstrap: &str) -> std::io::Result<()> {
    let mut body = Vec::new();
    body.extend(CREATE_ACLS.to_be_bytes());
    body.extend(VERSION.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    string(&mut body, "stockpipe-servers");
    body.extend((RESOURCES.len() as i32).to_be_bytes());
    for (kind, name) in RESOURCES {
        body.push(*kind as u8);
        string(&mut body, name);
        body.push(LITERAL as u8);
        string(&mut body, &format!("User:{}", APP.0));
        string(&mut body, "*");
        body.push(ALL as u8);
        body.push(ALLOW as u8);
    }
    let mut broker = TcpStream::connect(bootstrap).await?;
    broker.write_all(&(body.len() as i32).to_be_bytes()).await?;
    broker.write_all(&body).await?;
    let length = broker.read_i32().await?;
    let mut answer = vec![0; length.clamp(0, 1 << 20) as usize];
    broker.read_exact(&mut answer).await?;
    refused(&answer).map_or(Ok(()), |code| Err(std::io::Error::other(format!("refused with code {code}"))))
}

/// The first error code of an answer: correlation id, throttle time, count, then a code and a text for each line.
fn refused(answer: &[u8]) -> Option<i16> {
    let mut rest = answer.get(12..)?;
    while let Some((code, after)) = rest.split_first_chunk::<2>() {
        let code = i16::from_be_bytes(*code);
        if code != 0 {
            return Some(code);
        }
        let (length, after) = after.split_first_chunk::<2>()?;
        rest = after.get(i16::from_be_bytes(*length).max(0) as usize..)?;
    }
    None
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as i16).to_be_bytes());
    out.extend(text.as_bytes());
}
