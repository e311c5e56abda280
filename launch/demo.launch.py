"""A video as a camera, and the tracker on it: draw a box in RViz, or publish one."""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

TRACKER = str(Path(__file__).resolve().parent / "tracker.launch.py")


def generate_launch_description():
    """What `ros2 launch siammask_ros demo.launch.py video:=…` runs."""
    player = Node(
        package="siammask_ros",
        executable="player_node",
        name="player",
        parameters=[
            {
                "source": LaunchConfiguration("video"),
                "rate": LaunchConfiguration("rate"),
                "loop": LaunchConfiguration("loop"),
                "wait_for_subscribers": 1,
            }
        ],
        output="screen",
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("video", description="video file or folder of pictures"),
            DeclareLaunchArgument("rate", default_value="0.0", description="Hz; 0: its own"),
            DeclareLaunchArgument("loop", default_value="true", description="play it for ever"),
            # First, for it sets the environment of all; its arguments are ours too.
            IncludeLaunchDescription(PythonLaunchDescriptionSource(TRACKER)),
            player,
        ]
    )
