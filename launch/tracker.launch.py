"""Starts the tracker, which configures and activates itself with autostart, after a respawn too.

With follower:=true a robot follows the target once the follower is enabled: see docs/follower.md
first. With dashboard:=true people choose the target on a page in the browser: docs/dashboard.md.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessIO
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

from siammask_ros.ros.runtime.launching import (
    ConfigurationExit,
    file_argument,
    flag_argument,
    number_argument,
)

CONFIG = Path(__file__).resolve().parent.parent / "config"
# Fast DDS 2 reads the last one only, Fast DDS 3 the first one.
FAST_DDS = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
RESPAWN_DELAY_S = 0.5

# Name, default, meaning. The parameters among them overrule the file where they are given.
ARGUMENTS = (
    ("image", "image", "topic of the camera's images"),
    ("camera_info", "", "topic of its calibration; empty: camera_info beside the images"),
    ("depth", "depth", "topic of depth images that are registered to them"),
    ("params_file", str(CONFIG / "lite.yaml"), "parameters of the node, see config/"),
    ("namespace", "", "namespace of the node, for example the camera's name"),
    ("autostart", "true", "configure and activate the node"),
    ("respawn", "true", "start the node again when it has died"),
    ("use_sim_time", "", "all nodes take the time from /clock; empty: as in the files"),
    ("follower", "false", "start the follower, which drives after the target once it is enabled"),
    ("follower_params_file", str(CONFIG / "follower.yaml"), "parameters of the follower"),
    ("cmd_vel", "cmd_vel", "topic of the follower's commands"),
    ("dashboard", "false", "serve a page on which targets are chosen"),
    ("dashboard_params_file", str(CONFIG / "dashboard.yaml"), "parameters of the dashboard"),
    ("choose_s", "5.0", "with the dashboard: how long one may draw on a picture (history_s)"),
)
PARAMETERS = (
    ("model", "network: lite, resnet50, ...; empty: as in the file"),
    ("checkpoint", "file of weights; empty: as in the file"),
    ("device", "auto, cpu, cuda or cuda:N; empty: as in the file"),
    ("engine", "what runs the network; empty: as in the file"),
    ("image_transport", "raw or compressed; empty: as in the file"),
    ("templates_dir", "folder of saved targets; empty: as in the file"),
)


class Arguments:
    """The values of the launch arguments where the nodes are described.

    They are read at that time and never later: when a process dies, launch has left the scope of a
    group or of an included file.
    """

    def __init__(self, context):
        self._context = context

    def text(self, name):
        """The value as it was given."""
        return LaunchConfiguration(name).perform(self._context)

    def flag(self, name):
        """The truth value; anything else ends the launch."""
        return flag_argument(name, self.text(name))

    def parameters(self, file, given):
        """A parameter file and what overrules it, as launch_ros takes them."""
        overrules = {name: value for name, value in given.items() if value != ""}
        if self.text("use_sim_time"):
            overrules["use_sim_time"] = self.flag("use_sim_time")
        return [file_argument(file, self.text(file)), *([overrules] if overrules else [])]


def start(context):
    """All nodes, as the arguments ask for them."""
    arguments = Arguments(context)
    nodes = [*tracker(arguments)]
    if arguments.flag("follower"):
        nodes += follower(arguments)
    if arguments.flag("dashboard"):
        nodes += dashboard(arguments)
    return nodes


def tracker(arguments):
    """The node that tracks; it finds out by itself whether it follows one that has died."""
    image = arguments.text("image")
    beside = f"{image.rpartition('/')[0]}/camera_info" if "/" in image else "camera_info"
    parameters = {name: arguments.text(name) for name, _ in PARAMETERS}
    parameters["autostart"] = arguments.flag("autostart")
    choose_s = number_argument("choose_s", arguments.text("choose_s"))
    if arguments.flag("dashboard"):
        parameters["history_s"] = choose_s
    return launched(
        "siammask_tracker",
        executable="tracker_node",
        namespace=arguments.text("namespace"),
        parameters=arguments.parameters("params_file", parameters),
        remappings=[
            ("image", image),
            ("camera_info", arguments.text("camera_info") or beside),
            ("depth", arguments.text("depth")),
        ],
        respawn=arguments.flag("respawn"),
    )


def follower(arguments):
    """The node that drives; one that has died stays so, until somebody has looked why."""
    return launched(
        "siammask_follower",
        executable="follower_node",
        namespace=arguments.text("namespace"),
        parameters=arguments.parameters("follower_params_file", {}),
        remappings=[("cmd_vel", arguments.text("cmd_vel"))],
    )


def dashboard(arguments):
    """The page, a process that the tracker does not know; started again when it has died."""
    transport = {"image_transport": arguments.text("image_transport")}
    return launched(
        "siammask_dashboard",
        executable="dashboard_node",
        namespace=arguments.text("namespace"),
        parameters=arguments.parameters("dashboard_params_file", transport),
        remappings=[("image", arguments.text("image"))],
        respawn=True,
    )


def launched(name, **node):
    """A node whose configuration, where it cannot be used, ends the launch with the reason."""
    configuration = ConfigurationExit(name)
    process = Node(
        package="siammask_ros",
        name=name,
        output="screen",
        respawn_delay=RESPAWN_DELAY_S,
        on_exit=configuration.on_exit,
        **node,
    )
    output = OnProcessIO(
        target_action=process,
        on_stdout=configuration.on_output,
        on_stderr=configuration.on_output,
    )
    # The handler comes first: it must not miss a line.
    return [RegisterEventHandler(output), process]


def generate_launch_description():
    """What `ros2 launch siammask_ros tracker.launch.py` runs."""
    profile = str(CONFIG / "fastdds.xml")
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=about)
        for name, default, about in (*ARGUMENTS, *((name, "", about) for name, about in PARAMETERS))
    ]
    return LaunchDescription(
        [
            *arguments,
            *(
                SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=profile))
                for name in FAST_DDS
            ),
            OpaqueFunction(function=start),
        ]
    )
