import csv
import json
import os
import random
import uuid

from locust import FastHttpUser, HttpUser, LoadTestShape, SequentialTaskSet, TaskSet
from locust import between, constant, constant_pacing, events, tag, task

BASE = "/api"
SHIPS = ["Aurora", "Borealis", "Calypso"]
TOKEN_HEADER = "X-Shop-Token"
LIMIT = int(os.getenv("SHOP_LIMIT", "20"))


def path_of(kind, number=1):
    return f"{BASE}/{kind}/{number}"


class Shopper(HttpUser):
    host = "https://shop.example.org/"
    wait_time = constant(0.5)
    weight = 3
    currency = "EUR"

    def on_start(self):
        response = self.client.post(
            "/login", data={"user": "ada", "remember": True}, name="sign in"
        )
        self.token = response.json()["access"]["token"]
        self.client.headers.update({"Authorization": f"Bearer {self.token}"})
        self.ship = random.choice(SHIPS)

    @task
    def search(self):
        number = random.randint(1, 50)
        self.client.get(
            "/search",
            params={"q": "two words", "page": number, "tag": ["a", "b&c"]},
            name="/search?q=[words]",
            timeout=2.5,
        )

    @task(2)
    def look(self):
        item = random.choice([{"id": 7, "name": "rope"}, {"id": 9, "name": "sail"}])
        self.client.get(path_of("items", item["id"]), headers={TOKEN_HEADER: item["name"]})
        self.client.get("/api/price?currency=" + self.currency, allow_redirects=False)

    @task(4)
    def order(self):
        with self.client.post(
            "/orders",
            json={"ship": self.ship, "key": str(uuid.uuid4()), "amount": 2, "literal": "${not a name}"},
            catch_response=True,
        ) as response:
            if response.status_code != 201:
                response.failure(f"got {response.status_code}")
            elif response.json()["status"] != "placed":
                response.failure("not placed")
            elif response.elapsed.total_seconds() > 0.5:
                response.failure("too slow")
            else:
                response.success()
        order = response.json()["id"]
        self.client.get("/orders/%s" % order)
        self.client.patch(f"/orders/{order}", data=json.dumps({"note": "thanks"}))
        with self.client.get("/orders/none", catch_response=True) as missing:
            if missing.status_code == 404:
                missing.success()

    @tag("slow")
    @task
    def report(self):
        for month in range(1, 4):
            self.client.get(f"/reports/{month:02d}")


class Checkout(SequentialTaskSet):
    wait_time = between(1, 2)

    @task
    def basket(self):
        self.client.put("/basket", json={"items": SHIPS})

    @task
    def pay(self):
        self.client.post("/pay", auth=("till", "s3cret"))
        self.interrupt()


class Buyer(FastHttpUser):
    host = "https://shop.example.org"
    wait_time = constant_pacing(2)
    tasks = {Checkout: 1}
    network_timeout = 10.0


class Admin(HttpUser):
    host = "http://admin.example.org"
    fixed_count = 2

    @task
    class Pages(TaskSet):
        @task(3)
        def list(self):
            self.client.get("/users", params={"limit": LIMIT})

        @task(1)
        def leave(self):
            self.interrupt(reschedule=False)

        @task
        def export(self):
            with open("users.csv") as rows:
                user = random.choice(list(csv.DictReader(rows)))
            self.client.delete(f"/users/{user['id']}", verify=False)


class Tide(LoadTestShape):
    stages = [
        {"duration": 60, "users": 20, "spawn_rate": 10},
        {"duration": 180, "users": 50, "spawn_rate": 10},
        {"duration": 200, "users": 0, "spawn_rate": 50},
    ]

    def tick(self):
        run_time = self.get_run_time()
        for stage in self.stages:
            if run_time < stage["duration"]:
                return (stage["users"], stage["spawn_rate"])
        return None


@events.test_start.add_listener
def begin(environment, **kwargs):
    print("begin")
