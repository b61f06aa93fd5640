"""Conversations with an assistant, as its first load test was written."""

from locust import HttpUser, between, task


class Conversation(HttpUser):
    """Says something, sends a file, listens."""

    wait_time = between(1, 5)

    @task(3)
    def say(self):
        """Says something."""
        self.client.post(
            "/v1/sessions/message",
            json={"session_id": self.session_id, "message": "Which ship is due next?", "metadata": {}},
        )

    @task(1)
    def upload(self):
        """Sends a file."""
        with open("manifest.pdf", "rb") as manifest:
            self.client.post("/v1/uploads", files={"file": manifest})

    @task(2)
    def listen(self):
        """Listens to what happens."""
        with self.client.get(f"/v1/sessions/{self.session_id}/events", stream=True) as response:
            for line in response.iter_lines():
                if line:
                    pass


class LoadTestConfig:
    """How much."""

    SCENARIOS = {
        "baseline": {"users": 100, "spawn_rate": 10, "duration": "10m"},
        "stress": {"users": 1000, "spawn_rate": 50, "duration": "30m"},
        "soak": {"users": 200, "spawn_rate": 5, "duration": "4h"},
        "spike": {"users": 500, "spawn_rate": 100, "duration": "5m"},
    }
