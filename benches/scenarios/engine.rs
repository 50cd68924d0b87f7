//! The engine as users run it: `orrery serve` on its core, in a directory of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{ENGINE_CORE, machine};

/// Of the first user.
pub const PASSWORD: &str = "only for the bench 2026";
const READY_WITHIN: Duration = Duration::from_secs(120);
const ENDED_WITHIN: Duration = Duration::from_secs(60);

/// A directory in which an engine has made its tables, its key and its first user.
pub struct Template {
    program: PathBuf,
    dir: PathBuf,
    base: PathBuf,
}

/// A directory with a database for one measurement; removed with it unless it is kept.
pub struct Home {
    pub dir: PathBuf,
    program: PathBuf,
}

/// A process that serves.
pub struct Running {
    child: Child,
    /// From the start of the process to its line on standard output, which comes when all calls are armed.
    pub ready_after: Duration,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Template {
    /// Starts an engine for the first time, and ends it.
    pub async fn make(program: &Path, base: &Path) -> Result<Self> {
        let dir = base.join("template");
        let home = Home::at(program, &dir)?;
        let running = home.start()?;
        running.stop()?;
        std::mem::forget(home);
        Ok(Self {
            program: program.to_owned(),
            dir,
            base: base.to_owned(),
        })
    }

    /// A fresh directory like the first.
    pub fn home(&self, name: &str) -> Result<Home> {
        let home = Home::at(&self.program, &self.base.join(name))?;
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type()?.is_file() && name != "settings.toml" && name != "engine.log" {
                fs::copy(entry.path(), home.dir.join(name))?;
            }
        }
        Ok(home)
    }
}

impl Home {
    fn at(program: &Path, dir: &Path) -> Result<Self> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(dir)?,
        }
        let dir = dir.canonicalize()?;
        fs::write(dir.join("settings.toml"), settings(&dir))?;
        Ok(Self {
            program: program.to_owned(),
            dir,
        })
    }

    /// Address of its database.
    pub fn database_url(&self) -> String {
        url(&self.dir)
    }

    /// Adds settings to those of the directory, in TOML.
    pub fn set(&self, more: &str) -> Result<()> {
        let mut file = fs::File::options().append(true).open(self.dir.join("settings.toml"))?;
        Ok(file.write_all(more.as_bytes())?)
    }

    /// Keeps only the settings that it had at first.
    pub fn unset(&self) -> Result<()> {
        Ok(fs::write(self.dir.join("settings.toml"), settings(&self.dir))?)
    }

    /// Starts the engine, and waits until it is ready.
    pub fn start(&self) -> Result<Running> {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.dir.join("engine.log"))?;
        let begun = Instant::now();
        let mut child = machine::pinned(&self.program, ENGINE_CORE)
            .arg("serve")
            .arg("--settings")
            .arg(self.dir.join("settings.toml"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("taskset (package util-linux) cannot be started")?;
        let output = child.stdout.take().context("no standard output")?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut running = Running {
            child,
            ready_after: Duration::ZERO,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        };
        loop {
            match lines.recv_timeout(READY_WITHIN.saturating_sub(begun.elapsed())) {
                Ok(line) if line.contains("listening on") => {
                    running.ready_after = begun.elapsed();
                    let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
                    running.address = address.context("no address in the ready line")?.parse()?;
                    return Ok(running);
                }
                Ok(_) => {}
                Err(_) => {
                    running.kill();
                    return Err(anyhow!(
                        "the engine did not start; see {}",
                        self.dir.join("engine.log").display()
                    ));
                }
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left is overwritten by the next bench.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Running {
    /// `taskset` becomes the program, so this is the engine.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits until it has written everything.
    pub fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if !asked.success() {
            bail!("the engine has ended by itself");
        }
        let begun = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the engine ended with {status}"),
                None if begun.elapsed() > ENDED_WITHIN => {
                    self.kill();
                    bail!("the engine does not end");
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn url(dir: &Path) -> String {
    format!("sqlite://{}/orrery.db?mode=rwc", dir.display())
}

fn settings(dir: &Path) -> String {
    format!(
        "[server]\nport = 0\n[database]\nurl = \"{}\"\n[data]\ndir = \"{}\"\n[admin]\npassword = \"{PASSWORD}\"\n\
         [egress]\nallow = [\"127.0.0.1\"]\n",
        url(dir),
        dir.display(),
    )
}
