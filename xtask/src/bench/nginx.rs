//! nginx as the server that costs least: it answers every request at once, with two bytes or a little
//! JSON.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, bail};

use super::measured::{Pins, Side};

/// What the realistic script of `bench k6` asks for, each answered with a document of JSON.
const LOCATIONS: &str = r#"
location /items { default_type application/json; return 200 '{"page":1,"pages":4,"items":[
{"id":101,"name":"Rope, 20 m","price":14.5,"tags":["deck","new"]},
{"id":102,"name":"Anchor","price":199.0,"tags":["deck"]},
{"id":103,"name":"Signal flags","price":42.25,"tags":["bridge","sale"]},
{"id":104,"name":"Lantern","price":61.0,"tags":["bridge"]},
{"id":105,"name":"Chart of the fjord","price":23.75,"tags":["bridge","paper"]}]}'; }
location /item { default_type application/json; return 200 '{"id":103,"name":"Signal flags","price":42.25,
"stock":{"here":12,"elsewhere":[3,0,7]},"text":"Forty flags of bunting, in a bag, with a card that says what they mean.",
"tags":["bridge","sale"]}'; }
location /order { default_type application/json; return 200 '{"accepted":true,"order":{"id":"o-77120","total":84.5}}'; }
"#;

/// A server that answers every request with two bytes.
pub(super) struct Nginx {
    child: Child,
    folder: PathBuf,
    pub(super) url: String,
}

impl Nginx {
    /// Starts nginx, one process, on the server's processor and a free port.
    ///
    /// # Errors
    /// It does not start, or does not listen.
    pub(super) fn start(program: &Path, pins: &Pins) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("seaworthy-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let shown = folder.display();
        let config = format!(
            "daemon off; master_process off; worker_rlimit_nofile 30000; pid {shown}/pid;\n\
             error_log {shown}/error.log;\n\
             events {{ worker_connections 12000; }}\n\
             http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;\n\
             client_body_temp_path {shown}/b; proxy_temp_path {shown}/p; fastcgi_temp_path {shown}/f;\n\
             uwsgi_temp_path {shown}/u; scgi_temp_path {shown}/s;\n\
             server {{ listen 127.0.0.1:{port} backlog=8192; location / {{ return 200 'ok'; }}\n\
             {LOCATIONS} }} }}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config)?;
        let words = [program.display().to_string(), "-c".to_owned(), file.display().to_string()];
        let mut command = pins.command(Side::Server, &words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{} did not start", words[0]))?;
        let nginx = Self { child, folder, url: format!("http://127.0.0.1:{port}/") };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(nginx);
            }
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
        let said = std::fs::read_to_string(nginx.folder.join("error.log")).unwrap_or_default();
        bail!("nginx does not listen: {said}")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Ours alone; nothing is lost when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
