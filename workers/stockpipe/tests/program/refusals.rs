//! Bad input at the command line: one clear error each, the exit code of its kind, nothing lost, no panic.

use std::fs;

use crate::program::{Program, STORES, wait_for};

#[test]
fn a_manifest_with_an_unknown_field_names_it() {
    let program = Program::new(&format!("{STORES}feature: {{}}\n"));
    let stderr = program.fails(2, &["bars"]);
    assert!(stderr.contains("feature") && stderr.contains("features"), "{stderr}");
}

#[test]
fn a_broken_rule_names_field_reason_and_remedy() {
    let program =
        Program::new(&format!("{STORES}features: {{windows: [{{name: sma_5, size: 15s, slide: 4s}}]}}\n"));
    let stderr = program.fails(2, &["bars"]);
    assert!(stderr.contains("windows") && stderr.contains("slide"), "{stderr}");
}

#[test]
fn a_missing_manifest_and_an_unreadable_directory_are_named() {
    let program = Program::new(STORES);
    fs::write(program.path("file"), "x").unwrap();
    let output = program.command_on(&["bars"], &program.path("file")).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr.contains("file") && !stderr.contains("panicked"), "{stderr}");

    let output = std::process::Command::new(env!("CARGO_BIN_EXE_stockpipe"))
        .args(["bars", "-f", "no-such-file.yaml", "--data", "x"])
        .current_dir(program.path(""))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-file.yaml"));
}

#[test]
fn the_histogram_engine_is_refused() {
    let program = Program::new(STORES);
    let stderr = program.fails(2, &["train", "--set", "model.engine=Hist"]);
    assert!(stderr.contains("Hist") && stderr.contains("Smartcore"), "{stderr}");
}

#[test]
fn a_second_process_on_the_same_data_is_told_the_pid() {
    let program = Program::new(&format!("{STORES}predictor: {{enabled: false}}\n"));
    let mut first = program.command(&["local", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    wait_for("the first process's socket", || program.data().join("admin.sock").exists().then_some(()));
    let stderr = program.fails(2, &["local", "--listen", "127.0.0.1:0"]);
    assert!(stderr.contains(&first.id().to_string()), "{stderr}");
    // A read command goes through the socket of the first.
    program.ok(&["bars"]);
    let _ = std::process::Command::new("kill").args(["-TERM", &first.id().to_string()]).status();
    assert_eq!(first.wait().unwrap().code(), Some(143));
}

#[test]
fn other_partitions_than_the_log_has_are_refused() {
    let program = Program::new(STORES);
    program.ok(&["local", "--exit-when-done", "--partitions", "2"]);
    let stderr = program.fails(2, &["local", "--exit-when-done", "--partitions", "3"]);
    assert!(stderr.contains('2') && stderr.contains('3') && stderr.contains("partition"), "{stderr}");
}

#[test]
fn damaged_files_are_named_and_nothing_panics() {
    let program = Program::new(STORES);
    let input = program.path("ticks.ndjson");
    fs::write(&input, crate::program::hostile_ticks(2_000)).unwrap();
    let run = ["local", "--input", input.to_str().unwrap(), "--exit-when-done"];
    program.ok(&run);

    let files = |extension: &str| {
        let mut found = Vec::new();
        let mut dirs = vec![program.data()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else if path.extension().is_some_and(|e| e == extension) {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    };
    for extension in ["commit", "state", "redb"] {
        let found = files(extension);
        let path = found.last().unwrap_or_else(|| panic!("no {extension} file"));
        let whole = fs::read(path).unwrap();
        fs::write(path, &whole[..whole.len() / 2]).unwrap();
        let output = program.run(&["local", "--exit-when-done"]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{extension}: {stderr}");
        assert_ne!(output.status.code(), Some(0), "{extension}: {stderr}");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(stderr.contains(name), "{extension}: the error names {name}\n{stderr}");
        fs::write(path, &whole).unwrap();
    }
    program.ok(&["local", "--exit-when-done"]);
}
