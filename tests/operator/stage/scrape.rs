//! What the operator says over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Operator;

/// Flags that make it serve on a free port.
pub const SERVING: &[&str] = &["--http-address", "127.0.0.1:0"];

/// The figures of one scrape, by series as written: name and labels.
pub struct Scrape {
    pub text: String,
    pub series: BTreeMap<String, f64>,
}

impl Scrape {
    /// The series' value; 0 where it is not there.
    pub fn of(&self, series: &str) -> f64 {
        let name = format!("ivschat_operator_{series}");
        self.series.get(&name).copied().unwrap_or_default()
    }
}

impl Operator {
    /// Where it serves.
    pub async fn address(&mut self) -> String {
        let line = self.log_until(|line| line.contains("serves /livez")).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["fields"]["address"].as_str().unwrap().to_owned()
    }

    /// Status and body of an answer.
    pub async fn get(&mut self, path: &str) -> (u16, String) {
        let address = self.address().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    pub async fn scrape(&mut self) -> Scrape {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "{text}");
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let series = series.map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        });
        Scrape {
            series: series.collect(),
            text,
        }
    }

    /// Scrapes until the figures are as wanted: nothing tells when they change.
    pub async fn scrape_until(&mut self, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
        let scraping = async {
            loop {
                let scrape = self.scrape().await;
                if wanted(&scrape) {
                    return scrape;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let scraped = tokio::time::timeout(super::DEADLINE, scraping).await;
        scraped.expect("the figures come to that")
    }

    /// Waits until a series has this value.
    pub async fn metric(&mut self, series: &str, value: f64) {
        self.scrape_until(|scrape| scrape.of(series).to_bits() == value.to_bits())
            .await;
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) {
        let waiting = async {
            while self.get("/readyz").await.0 != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(super::DEADLINE, waiting).await;
        waited.expect("it becomes ready");
    }
}
