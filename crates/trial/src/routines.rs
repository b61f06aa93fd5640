//! Setup and teardown: routines run in order, and what they extract becomes a name for what follows.

use seaworthy_load::{Routine, Setting, run_once};

use crate::diary::Diary;
use crate::launch::World;
use crate::service::{Halt, Options};

/// Runs routines one after another. `stage` is `setup` or `teardown`; an interrupted trial still
/// tears down.
pub(crate) async fn run(
    routines: &[Routine],
    stage: &str,
    options: &Options,
    world: &mut World,
    diary: &Diary,
) -> Result<(), Halt> {
    world.reveal(&options.plan)?;
    for (position, routine) in routines.iter().enumerate() {
        diary.tell(
            &format!("{stage}.started"),
            routine.name(),
            format!("{stage}: {}", routine.name()),
        );
        let setting = Setting {
            targets: world.addresses(),
            variables: world.scope().values().clone(),
            client: world.client(options),
            seed: options.seed.wrapping_add(position as u64),
            clock: options.clock.clone(),
        };
        let work = run_once(routine, &setting);
        let done = if stage == "setup" {
            tokio::select! {
                done = work => done,
                () = options.stop.cancelled() => return Err(Halt::Interrupted),
            }
        } else {
            work.await
        };
        let extracted = done.map_err(|error| {
            let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            let text = format!("{stage}: {}{hint}", world.scope().told(&error.to_string()));
            Halt::CouldNotRun(world.explain_exits(text))
        })?;
        for (name, value) in extracted {
            world.scope_mut().set_confidential(&name, value);
        }
    }
    Ok(())
}
