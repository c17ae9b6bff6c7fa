//! The dashboard on memory stores with invented rows, and a way to make things happen: what the browser tests drive.
//!
//! `cargo run -p stockpipe-dashboard --example fixture -- [--port N] [--live]` prints `listening http://127.0.0.1:N/`. Below
//! `/control/` lie `push` (one bar, its forecast and outcome), `provisional`, `cut` (ends open streams), `restart` (a new
//! dashboard on the same stores), `store?fail=true|false`, `silence?on=true|false` (health stops) and `quit`.
//! With `--live` a bar is pushed every second.

#[path = "fixture/control.rs"]
mod control;
#[path = "fixture/told.rs"]
mod told;
#[path = "fixture/world.rs"]
mod world;

use std::sync::Arc;
use std::time::Duration;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().collect();
    let port = arguments.iter().position(|a| a == "--port").and_then(|i| arguments.get(i + 1));
    let port: u16 = port.map_or(Ok(0), |p| p.parse())?;
    let world = Arc::new(world::World::new().await?);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening http://{}/", listener.local_addr()?);
    if arguments.iter().any(|a| a == "--live") {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if let Err(error) = world.push().await {
                    eprintln!("push: {error}");
                }
            }
        });
    }
    control::serve(listener, world).await?;
    Ok(())
}
