//! An AWS emulator on 127.0.0.1, for trying keyrot, or anything else that calls IAM and Secrets
//! Manager, by hand.
//!
//! ```text
//! cargo run -p keyrot-aws --features emulator --example emulator -- [USERS] [PORT]
//! ```
//!
//! It creates USERS users (default 10) tagged `RotateKey=True`, each with a key that is 100 days
//! old, prints the variables that a client needs, and runs until Ctrl-C.

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use std::error::Error;
use std::time::{Duration, SystemTime};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let users: usize = arguments.next().map_or(Ok(10), |n| n.parse())?;
    let port: u16 = arguments.next().map_or(Ok(0), |n| n.parse())?;
    let age = Duration::from_secs(100 * 86_400);
    let mut world = World::new((SystemTime::now() - age).into());
    for n in 0..users {
        let user = world.add_user(&format!("ci/user-{n:04}"), &[("RotateKey", "True")])?;
        world.add_key(&user)?;
    }
    let emulator =
        Emulator::start(world, EmulatorOptions { port, log: false, ..EmulatorOptions::default() })?;
    for (name, value) in emulator.env() {
        println!("export {name}={value}");
    }
    eprintln!("{users} users; Ctrl-C ends it");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    for (action, count) in &emulator.stats().actions {
        eprintln!("{:6} {action}", count.calls);
    }
    Ok(())
}
