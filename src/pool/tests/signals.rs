//! What a pool tells the `metrics` facade.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use super::fixture::{limits, pool, settle};
use crate::pool::shared::Limits;

/// Every value, by name and the labels beyond `role` and `engine`. Histograms as their samples.
fn values(snapshotter: &Snapshotter) -> HashMap<String, Vec<f64>> {
    let mut values = HashMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let mut name = key.name().to_owned();
        let mut common = 0;
        for label in key.labels() {
            match (label.key(), label.value()) {
                ("role", "webapp") | ("engine", "fake") => common += 1,
                (key, value) => write!(name, " {key}={value}").unwrap(),
            }
        }
        assert_eq!(common, 2, "{name} lacks a label");
        let value = match value {
            DebugValue::Counter(count) => vec![f64::from(u32::try_from(count).unwrap())],
            DebugValue::Gauge(value) => vec![value.into_inner()],
            DebugValue::Histogram(samples) => samples.into_iter().map(f64::from).collect(),
        };
        values.insert(name, value);
    }
    values
}

#[test]
fn every_metric_of_the_table_is_told_and_true() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (pool, world) = pool(Limits {
                wait_timeout: Duration::from_millis(250),
                ..limits(2)
            });
            let first = pool.get().await.unwrap();
            let second = pool.get().await.unwrap();
            let waiter = tokio::spawn({
                let pool = pool.clone();
                async move { pool.get().await.err() }
            });
            settle().await;
            assert!(pool.get().await.is_err());
            waiter.await.unwrap().unwrap();
            drop(first);
            let told = values(&snapshotter);
            for (name, value) in [
                ("wa_db_pool_connections_open", 2.0),
                ("wa_db_pool_connections_idle", 1.0),
                ("wa_db_pool_connections_in_use", 1.0),
                ("wa_db_pool_waiters", 0.0),
                ("wa_db_failures_total code=pool_timeout", 2.0),
            ] {
                assert_eq!(told.get(name), Some(&vec![value]), "{name}");
            }
            assert_eq!(told["wa_db_pool_wait_seconds"], [0.0, 0.0, 0.25, 0.25]);
            assert_eq!(told["wa_db_connect_seconds stage=tls"], [0.005, 0.005]);
            assert_eq!(told["wa_db_connect_seconds stage=connect"], [0.002, 0.002]);
            let left = told["wa_db_certificate_expiry_seconds certificate=client"][0];
            assert!((3500.0..=3600.0).contains(&left), "{left}");
            let left = told["wa_db_certificate_expiry_seconds certificate=server"][0];
            assert!((7100.0..=7200.0).contains(&left), "{left}");
            let unset = "wa_db_certificate_expiry_seconds certificate=ca";
            assert!(!told.contains_key(unset), "there is no CA file");

            drop(second);
            world.set_down(true);
            pool.get().await.unwrap().discard();
            pool.get().await.unwrap().discard();
            assert!(pool.get().await.is_err());
            // A snapshot sets the gauges to zero, so that these are the steps since the first.
            let told = values(&snapshotter);
            for (name, value) in [
                ("wa_db_pool_connections_open", -2.0),
                ("wa_db_pool_connections_idle", -1.0),
                ("wa_db_pool_connections_in_use", -1.0),
                ("wa_db_failures_total code=connection_refused", 1.0),
            ] {
                assert_eq!(told.get(name), Some(&vec![value]), "{name}");
            }
        });
    });
}
