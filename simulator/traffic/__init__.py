"""The request model of the twin: processor-sharing web servers, a balancer with sticky sessions, a campus of users.

Calibrated from measurements of a real Moodle; it knows nothing of AWS's API.
"""

from simulator.traffic.balancer import Balancer, Session
from simulator.traffic.campus import Campus
from simulator.traffic.database import Database
from simulator.traffic.lives import Background, Exam
from simulator.traffic.meter import Meter, Minute
from simulator.traffic.servers import WebServer

__all__ = ["Background", "Balancer", "Campus", "Database", "Exam", "Meter", "Minute", "Session", "WebServer"]
