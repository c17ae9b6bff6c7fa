//! Secrets and ConfigMaps that the manifest names, on a laptop: they are read from below `--mounts` or refused, never
//! passed over.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::program::{DEADLINE, Program, STORES};

const AUTH: &str = "dashboard: {auth: {secretRef: {name: page}}}\n";
const HOLIDAYS: &str = "calendar: {kind: Sessions, timeZone: America/New_York, open: '09:30', close: '16:00', holidaysRef: {name: days}}\n";

/// Writes a file below the directory for `--mounts`, and gives the directory.
fn mount(program: &Program, file: &str, text: &str) -> String {
    let mounts = program.path("mounts");
    let path = mounts.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    mounts.to_str().unwrap().to_owned()
}

/// The status code of a GET, with a username and a password where there are some.
fn get(address: &str, path: &str, pair: Option<&str>) -> u16 {
    let login =
        pair.map(|pair| format!("Authorization: Basic {}\r\n", STANDARD.encode(pair))).unwrap_or_default();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{login}Connection: close\r\n\r\n").unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head[9..]).parse().unwrap()
}

#[test]
fn the_page_asks_for_its_password_and_probes_do_not() {
    let program = Program::new(&format!("{STORES}{AUTH}predictor: {{enabled: false}}\n"));
    mount(&program, "secrets/page/username", "ada\n");
    let mounts = mount(&program, "secrets/page/password", "secret\n");
    let mut child =
        program.command(&["local", "--listen", "127.0.0.1:0", "--mounts", &mounts]).spawn().unwrap();
    // Held to the end: a process that cannot say anything any more would end.
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let address = said
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("dashboard: http://")?.1.trim_end_matches('/').to_owned()))
        .expect("it says where the page is");
    for path in ["/", "/api/v1/meta", "/api/v1/stream", "/js/app.mjs"] {
        assert_eq!(get(&address, path, None), 401, "{path}");
        assert_eq!(get(&address, path, Some("ada:secreT")), 401, "{path}");
        assert_eq!(get(&address, path, Some("ada:secret")), 200, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics", "/status"] {
        assert_ne!(get(&address, path, None), 401, "{path}");
    }
    let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    child.wait().unwrap();
}

#[test]
fn a_password_that_is_not_there_is_no_open_page() {
    let program = Program::new(&format!("{STORES}{AUTH}"));
    let mounts = mount(&program, "secrets/other/password", "x");
    let args = ["local", "--listen", "127.0.0.1:0", "--mounts", &mounts];
    let stderr = program.fails(2, &args);
    for part in ["dashboard.auth.secretRef", "secrets/page", "--mounts", "--set dashboard.auth=null"] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
    program.ok(&["local", "--exit-when-done", "--listen", "127.0.0.1:0", "--set", "dashboard.auth=null"]);
}

/// Runs what there is to its end.
fn local(mounts: &str) -> [&str; 6] {
    ["local", "--exit-when-done", "--listen", "127.0.0.1:0", "--mounts", mounts]
}

#[test]
fn holidays_that_are_not_there_are_no_open_days() {
    let program = Program::new(&format!("{STORES}{HOLIDAYS}"));
    let stderr = program.fails(2, &local("/none"));
    for part in ["calendar.holidaysRef", "configmaps/days", "--mounts", "--set calendar.holidaysRef=null"] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
    let mounts = mount(&program, "configmaps/days/holidays", "Christmas\n");
    let stderr = program.fails(2, &local(&mounts));
    assert!(stderr.contains("ConfigMap days, key holidays") && stderr.contains("Christmas"), "{stderr}");
    mount(&program, "configmaps/days/holidays", "2026-12-25 # Christmas\n");
    program.ok(&local(&mounts));
    // What needs no calendar does not ask for its holidays.
    program.ok(&["bars", "--mounts", "/none"]);
}

#[test]
fn doctor_finds_what_is_not_mounted() {
    for (field, spec) in [("dashboard.auth", AUTH), ("calendar.holidaysRef", HOLIDAYS)] {
        let program = Program::new(&format!("{STORES}{spec}"));
        program.ok(&["init"]);
        let output = program.run(&["doctor", "--mounts", "/none", "-o", "json"]);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{out}");
        assert!(out.contains(field), "{out}");
    }
}
