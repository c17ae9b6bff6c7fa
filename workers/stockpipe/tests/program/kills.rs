//! `kill -9` at any instant changes nothing: the canonical dump is that of an undisturbed run over the same log.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::program::{Program, STORES, finish, hostile_ticks};

/// Small files and frequent commits, so that kills fall into every step of the protocol.
fn spec() -> String {
    format!(
        "{STORES}features: {{watermark: 5s, windows: [{{name: sma_5, size: 15s, slide: 5s}}, {{name: sma_20, size: 60s, slide: 15s}}], \
         bars: [5s, 1m]}}\npredictor: {{enabled: false}}\ndashboard: {{enabled: false}}\n"
    )
}

fn sizes() -> (usize, usize) {
    if std::env::var_os("STOCKPIPE_LONG").is_some() { (2_000_000, 200) } else { (120_000, 12) }
}

fn copy_dir(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// Kills the command after a while that differs from round to round; false when it had ended by itself.
fn kill_after(program: &Program, args: &[&str], data: &Path, millis: u64) -> bool {
    let mut child = program.command_on(args, data).spawn().unwrap();
    // The delay is the fault's instant, not a way to wait for something.
    std::thread::sleep(Duration::from_millis(millis));
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    let output = finish(child, "killed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    running
}

#[test]
fn kills_during_ingest_leave_the_same_dump() {
    let (ticks, kills) = sizes();
    let program = Program::new(&spec());
    let input = program.path("ticks.ndjson");
    fs::write(&input, hostile_ticks(ticks)).unwrap();
    let seed = program.path("seed");
    let args = ["import", "--allow-late", "--ndjson", input.to_str().unwrap()];
    let output = finish(program.command_on(&args, &seed).spawn().unwrap(), args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let quiet = program.path("quiet");
    copy_dir(&seed, &quiet);
    let run = ["local", "--exit-when-done", "--set", "lake.roll.size=256Ki"];
    let started = std::time::Instant::now();
    let output = finish(program.command_on(&run, &quiet).spawn().unwrap(), run);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let whole = started.elapsed().as_millis() as u64;

    // Kills spread over the whole of an undisturbed run, in an order that jumps about. A directory whose work ends
    // before a kill comes is done; the next one starts from the same log.
    let mut disturbed = vec![program.path("disturbed-0")];
    copy_dir(&seed, &disturbed[0]);
    let (mut hits, mut round) = (0, 0_u64);
    while hits < kills {
        let at = 20 + (round * 7_919 + 13) % whole.max(1);
        round += 1;
        if kill_after(&program, &run, disturbed.last().unwrap(), at) {
            hits += 1;
        } else {
            disturbed.push(program.path(&format!("disturbed-{}", disturbed.len())));
            copy_dir(&seed, disturbed.last().unwrap());
        }
        assert!(round < 20 * kills as u64, "only {hits} of {kills} kills met a running process");
    }
    for data in &disturbed {
        let output = finish(program.command_on(&run, data).spawn().unwrap(), run);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    let dump = |data: &Path| {
        let output = finish(program.command_on(&["dump"], data).spawn().unwrap(), "dump");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let expected = dump(&quiet);
    assert!(expected.lines().count() > ticks, "the dump holds every record and the rows made of them");
    for data in &disturbed {
        same(&expected, &dump(data));
    }
}

fn same(expected: &str, seen: &str) {
    if expected == seen {
        return;
    }
    let first = expected.lines().zip(seen.lines()).position(|(a, b)| a != b);
    let at = first.unwrap_or(expected.lines().count().min(seen.lines().count()));
    panic!(
        "dumps differ from line {at} on ({} and {} lines)\nundisturbed: {:?}\ndisturbed:   {:?}",
        expected.lines().count(),
        seen.lines().count(),
        expected.lines().nth(at),
        seen.lines().nth(at)
    );
}

#[test]
fn kills_during_input_neither_lose_nor_repeat_a_line() {
    let (ticks, kills) = (sizes().0 / 2, 6);
    let program = Program::new(&spec());
    let input = program.path("ticks.ndjson");
    let text = hostile_ticks(ticks);
    fs::write(&input, &text).unwrap();
    let data = program.data();
    let run = ["local", "--input", input.to_str().unwrap(), "--exit-when-done", "--partitions", "1"];
    for round in 0..kills {
        kill_after(&program, &run, &data, 30 + round * 60);
    }
    let mut last = run.to_vec();
    last.extend(["--summary", "json"]);
    let summary = program.json(&last);
    let ticks_seen = &summary["ticks"];
    let dead: u64 =
        ticks_seen["dead_letters"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum();
    assert_eq!(ticks_seen["read"], ticks, "{summary}");
    assert_eq!(
        ticks_seen["stored"].as_u64().unwrap() + ticks_seen["duplicates"].as_u64().unwrap() + dead,
        ticks as u64,
        "{summary}"
    );
}
