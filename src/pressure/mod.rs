//! Whether the machine has room for another channel: how full memory is, and whether the processors are busy while
//! encoders fall behind. Old viewers come first, so it is new channels that have to wait.
//!
//! What is read from the system stands in [`reading`], and what is made of it in [`watermark`], which is pure. Knows
//! nothing of sessions: whoever starts channels asks [`Pressure::refusal`], and tells whether encoders keep up.

mod reading;
mod watermark;

use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::config::StartLimits;
use crate::events::{EventKind, Events};
use reading::Processors;
use watermark::{Turn, Watermark};

/// How often the machine is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// How many looks in a row it takes to shed, and to stop it. Memory that runs out does so fast.
const MEMORY: (u32, u32) = (2, 5);
/// An encoder that starts takes all that it can get for a few seconds.
const PROCESSORS: (u32, u32) = (15, 15);

/// How much below its mark a resource has to be before channels start again, percent.
const SLACK: f64 = 5.0;

/// What the machine has left. One for the process.
#[derive(Debug)]
pub struct Pressure {
    marks: [AtomicU8; 2],
    state: Mutex<State>,
    sheddings: [AtomicU64; 2],
}

#[derive(Debug)]
struct State {
    memory: Watermark,
    processors: Watermark,
    standing: [Standing; 2],
}

/// How it stands with one resource.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standing {
    /// Percent in use; `None` where the system does not say.
    pub used: Option<f64>,
    /// No channel is started because of it.
    pub sheds: bool,
    /// How often that has begun since the gateway did.
    pub sheddings: u64,
}

/// What can run short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Memory of the machine, or of the group of processes that the gateway is in.
    Memory,
    /// The processors of the same.
    Processors,
}

// === impl Resource ===

impl Resource {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Memory, Self::Processors];

    /// As metrics name it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processors => "cpu",
        }
    }

    fn words(self, used: f64) -> String {
        match self {
            Self::Memory => {
                format!("{used:.0} % of the memory is in use (`shed_memory` in [limits])")
            }
            Self::Processors => format!(
                "{used:.0} % of the processors are in use and encoders do not keep up (`shed_cpu` in [limits])"
            ),
        }
    }
}

// === impl Pressure ===

impl Pressure {
    /// Nothing is known yet, so nothing is refused.
    pub fn new(limits: &StartLimits) -> Self {
        Self {
            marks: [limits.shed_memory.into(), limits.shed_cpu.into()],
            state: Mutex::new(State {
                memory: Watermark::new(MEMORY),
                processors: Watermark::new(PROCESSORS),
                standing: Default::default(),
            }),
            sheddings: Default::default(),
        }
    }

    /// Other marks hold from the next look on.
    pub fn set_limits(&self, limits: &StartLimits) {
        self.marks[0].store(limits.shed_memory, Relaxed);
        self.marks[1].store(limits.shed_cpu, Relaxed);
    }

    /// Why no channel is to be started now, for people.
    pub fn refusal(&self) -> Option<String> {
        let state = self.state.lock();
        let short = Resource::ALL
            .into_iter()
            .find(|resource| state.standing[*resource as usize].sheds)?;
        let used = state.standing[short as usize].used.unwrap_or_default();
        Some(short.words(used))
    }

    /// How it stands with a resource.
    pub fn standing(&self, resource: Resource) -> Standing {
        Standing {
            sheddings: self.sheddings[resource as usize].load(Relaxed),
            ..self.state.lock().standing[resource as usize]
        }
    }

    /// Looks at the machine for ever. `lagging` says how many encoders do not keep up with the clock.
    pub async fn watch(&self, events: &Events, lagging: impl Fn() -> usize) {
        let mut processors = Processors::default();
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            period.tick().await;
            // A few lines of text that the kernel makes up: no disk is waited for.
            let memory = reading::memory(Path::new("/")).map(reading::Memory::used);
            let busy = processors.look(Path::new("/"));
            self.take(memory, busy, &lagging, events);
        }
    }

    fn take(
        &self,
        memory: Option<f64>,
        busy: Option<f64>,
        lagging: impl Fn() -> usize,
        events: &Events,
    ) {
        let marks = [
            f64::from(self.marks[0].load(Relaxed)),
            f64::from(self.marks[1].load(Relaxed)),
        ];
        let is_above = |used: Option<f64>, mark: f64| mark < 100.0 && used >= Some(mark);
        let is_below = |used: Option<f64>, mark: f64| used.is_none_or(|used| used < mark - SLACK);
        let mut state = self.state.lock();
        let slow = busy >= Some(marks[1] - SLACK) && lagging() > 0;
        let memory_turn = state.memory.look(
            is_above(memory, marks[0]),
            marks[0] >= 100.0 || is_below(memory, marks[0]),
        );
        let processors_turn = state.processors.look(
            slow && is_above(busy, marks[1]),
            marks[1] >= 100.0 || !slow || is_below(busy, marks[1]),
        );
        let looks = [(memory, memory_turn), (busy, processors_turn)];
        for (resource, (used, turn)) in Resource::ALL.into_iter().zip(looks) {
            let standing = &mut state.standing[resource as usize];
            standing.used = used;
            let Some(turn) = turn else { continue };
            standing.sheds = turn == Turn::Up;
            self.tell(resource, used.unwrap_or_default(), turn, events);
        }
    }

    fn tell(&self, resource: Resource, used: f64, turn: Turn, events: &Events) {
        let reason = resource.words(used);
        let kind = match turn {
            Turn::Up => {
                self.sheddings[resource as usize].fetch_add(1, Relaxed);
                warn!("no channel is started until it is better: {reason}");
                EventKind::OverloadBegan { reason }
            }
            Turn::Down => {
                let resource = resource.label();
                info!(resource, used, "channels are started again");
                let reason = format!("there is enough {resource} again");
                EventKind::OverloadEnded { reason }
            }
        };
        events.emit(Timestamp::now(), None, None, kind);
    }
}

/// How much memory there is for the gateway and its encoders, bytes; `None` where the system does not say.
pub fn memory_in_all() -> Option<u64> {
    reading::memory(Path::new("/")).map(|memory| memory.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> std::sync::Arc<Events> {
        Events::new(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn memory_sheds_soon_and_comes_back_only_when_there_is_some_to_spare() {
        let (pressure, events) = (Pressure::new(&StartLimits::default()), events());
        let look = |used: f64| pressure.take(Some(used), Some(99.0), || 0, &events);
        look(96.0);
        assert_eq!(pressure.refusal(), None, "once is chance");
        look(97.0);
        let refusal = pressure.refusal().unwrap();
        assert!(refusal.contains("97 %") && refusal.contains("shed_memory"));
        (0..50).for_each(|_| look(92.0));
        assert!(pressure.refusal().is_some(), "it would come and go");
        (0..4).for_each(|_| look(80.0));
        assert!(pressure.refusal().is_some());
        look(80.0);
        assert_eq!(pressure.refusal(), None);
        assert_eq!(pressure.standing(Resource::Memory).sheddings, 1);
        assert_eq!(pressure.standing(Resource::Processors).sheddings, 0);
    }

    #[test]
    fn busy_processors_shed_only_where_viewers_would_pay() {
        let (pressure, events) = (Pressure::new(&StartLimits::default()), events());
        let look = |lagging: usize| pressure.take(Some(1.0), Some(100.0), || lagging, &events);
        (0..100).for_each(|_| look(0));
        assert_eq!(pressure.refusal(), None, "they are there to be used");
        (0..14).for_each(|_| look(1));
        assert_eq!(pressure.refusal(), None);
        look(1);
        assert!(pressure.refusal().unwrap().contains("shed_cpu"));
        (0..15).for_each(|_| look(0));
        assert_eq!(pressure.refusal(), None);
    }

    #[test]
    fn a_mark_of_a_hundred_is_never_reached_and_ends_what_has_begun() {
        let (pressure, events) = (Pressure::new(&StartLimits::default()), events());
        let look = || pressure.take(Some(100.0), Some(100.0), || 1, &events);
        (0..20).for_each(|_| look());
        assert!(pressure.refusal().is_some());
        pressure.set_limits(&StartLimits {
            shed_memory: 100,
            shed_cpu: 100,
            ..StartLimits::default()
        });
        (0..20).for_each(|_| look());
        assert_eq!(pressure.refusal(), None);
    }
}
