"""A video as a camera, and the tracker on it: draw a box in RViz, or publish one."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from siammask_ros.ros.runtime.launching import flag_argument, number_argument

TRACKER = str(Path(__file__).resolve().parent / "tracker.launch.py")


def player(context):
    """The node that plays the video."""

    def text(name):
        return LaunchConfiguration(name).perform(context)

    parameters = {
        "source": text("video"),
        "rate": number_argument("rate", text("rate")),
        "loop": flag_argument("loop", text("loop")),
        "wait_for_subscribers": 1,
    }
    if text("use_sim_time"):
        parameters["use_sim_time"] = flag_argument("use_sim_time", text("use_sim_time"))
    return [
        Node(
            package="siammask_ros",
            executable="player_node",
            name="player",
            parameters=[parameters],
            output="screen",
        )
    ]


def generate_launch_description():
    """What `ros2 launch siammask_ros demo.launch.py video:=…` runs."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("video", description="video file or folder of images"),
            DeclareLaunchArgument("rate", default_value="0.0", description="Hz; 0: its own"),
            DeclareLaunchArgument("loop", default_value="true", description="play it for ever"),
            # First, for it sets the environment of all; its arguments are ours too.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(TRACKER)),
            OpaqueFunction(function=player),
        ]
    )
