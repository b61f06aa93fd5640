"""Workflows of steps that do nothing, on a Temporal server: python temporal.py HOST:PORT AT_ONCE STEPS SECONDS."""

import asyncio
import sys
import time
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@activity.defn
async def step(number: int) -> int:
    return number


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, steps: int) -> int:
        for number in range(steps):
            await workflow.execute_activity(step, number, start_to_close_timeout=timedelta(seconds=60))
        return steps


async def connected(address: str) -> Client:
    until = time.monotonic() + 60
    while True:
        try:
            return await Client.connect(address)
        except Exception:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.2)


async def main(address: str, at_once: int, steps: int, seconds: int) -> None:
    client = await connected(address)
    options = dict(
        task_queue="bench",
        workflows=[Chain],
        activities=[step],
        # The sandbox checks code, and costs time; it is no part of what is compared.
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_workflow_task_polls=16,
        max_concurrent_activity_task_polls=16,
    )
    async with Worker(client, **options):
        # The server takes a while until its queues are there.
        await client.execute_workflow(Chain.run, 1, id="first", task_queue="bench")
        done, start = 0, time.monotonic()

        async def chains(worker: int) -> None:
            nonlocal done
            number = 0
            while time.monotonic() < start + seconds:
                name = f"{worker}-{number}"
                made = await client.execute_workflow(Chain.run, steps, id=name, task_queue="bench")
                assert made == steps, made
                done += steps
                number += 1

        await asyncio.gather(*(chains(worker) for worker in range(at_once)))
        elapsed = time.monotonic() - start
    print(f"{done / elapsed:.0f} steps/s ({done} steps, {at_once} workflows of {steps} at once, {elapsed:.1f} s)")


asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
