//! A PostgreSQL server of the tests' own, and [`for_each_database`], which runs a test on SQLite and on PostgreSQL.
//!
//! The server is started once for the test binary, in a temporary directory, and ends with the binary however that
//! ends: a shell watches a pipe whose other end only this process holds.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Where distributions keep the server; the highest version wins.
const INSTALLATIONS: &str = "/usr/lib/postgresql";

/// Ports to try: one that was free may be taken when the server asks for it.
const PORTS: usize = 10;

/// Reads a port a line, until the server has one. Its own file says that it is ready: at the port there may be another server.
const SCRIPT: &str = r#"
directory=$1 programs=$2
"$programs/initdb" -D "$directory/data" -U orrery --auth=trust --no-sync -E UTF8 --locale=C >"$directory/log" 2>&1 </dev/null \
    || exit 1
echo initialised
while read -r port; do
    "$programs/postgres" -D "$directory/data" -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
        -c max_connections=300 -c shared_buffers=64MB -c fsync=on >>"$directory/log" 2>&1 </dev/null &
    server=$!
    while kill -0 "$server" 2>/dev/null; do
        if grep -q "^ready" "$directory/data/postmaster.pid" 2>/dev/null \
            && "$programs/pg_isready" -q -h 127.0.0.1 -p "$port" </dev/null; then
            echo ready
            cat >/dev/null
            kill -QUIT "$server"
            break 2
        fi
        sleep 0.05
    done
    wait "$server"
    echo gone
done
wait
rm -rf "$directory"
"#;

struct Server {
    port: u16,
    programs: PathBuf,
    databases: AtomicUsize,
    // Holds the pipe: it closes when this process ends.
    _watchdog: Child,
}

/// Runs `test` with the address of an empty database: SQLite, then PostgreSQL. Without server binaries the second half
/// prints SKIPPED, which CI refuses.
pub async fn for_each_database<F, Fut>(test: F)
where
    F: Fn(String) -> Fut,
    Fut: Future<Output = ()>,
{
    let directory = tempfile::tempdir().unwrap();
    eprintln!("on SQLite");
    test(format!("sqlite://{}/orrery.db?mode=rwc", directory.path().display())).await;
    if let Some(url) = database() {
        eprintln!("on PostgreSQL");
        test(url).await;
    }
}

/// The address of a new, empty PostgreSQL database; none where there is no server to be had.
pub fn database() -> Option<String> {
    let server = server()?;
    let name = format!("test_{}", server.databases.fetch_add(1, Ordering::Relaxed));
    let port = server.port.to_string();
    let made = Command::new(server.programs.join("createdb"))
        .args(["-h", "127.0.0.1", "-p", &port, "-U", "orrery", &name])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(format!("postgres://orrery@127.0.0.1:{port}/{name}"))
}

/// Runs a statement in a database of [`database`], past the engine.
pub fn execute(url: &str, sql: &str) {
    let programs = &server().unwrap().programs;
    let done = Command::new(programs.join("psql"))
        .args(["-v", "ON_ERROR_STOP=1", "-q", "-c", sql, url])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            let Some(programs) = programs() else {
                let text = format!("SKIPPED on PostgreSQL: no server programs in {INSTALLATIONS}");
                assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{text}");
                eprintln!("{text}");
                return None;
            };
            Some(start(programs))
        })
        .as_ref()
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(INSTALLATIONS).ok()?;
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").exists() && path.join("bin/initdb").exists())
        .collect();
    found.sort_by_key(|path| number(path));
    Some(found.pop()?.join("bin"))
}

fn start(programs: PathBuf) -> Server {
    let directory = tempfile::Builder::new().prefix("orrery-postgres-").tempdir().unwrap();
    // The server refuses to run as root; the shell removes the directory.
    let is_root = output("id", &["-u"]) == "0";
    let mut command = if is_root {
        let (user, group) = (output("id", &["-u", "nobody"]), output("id", &["-g", "nobody"]));
        std::os::unix::fs::chown(directory.path(), user.parse().ok(), group.parse().ok()).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &group, "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    let directory = directory.keep();
    let mut watchdog = command
        .args(["-c", SCRIPT, "postgres-for-tests"])
        .args([&directory, &programs])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(watchdog.stdout.take().unwrap());
    let mut says = |expected: &str| {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        line.trim_end() == expected
    };
    let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
    assert!(says("initialised"), "there is no PostgreSQL to start:\n{}", log());
    let ports = watchdog.stdin.as_mut().unwrap();
    let started = (0..PORTS).find_map(|_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        writeln!(ports, "{port}").unwrap();
        says("ready").then_some(port)
    });
    let port = started.unwrap_or_else(|| panic!("the PostgreSQL server did not start:\n{}", log()));
    Server {
        port,
        programs,
        databases: AtomicUsize::new(0),
        _watchdog: watchdog,
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
