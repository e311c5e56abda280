"""Starts the tracker. With autostart it configures and activates itself, also after a respawn.

With follower:=true a robot follows the target when the follower is enabled: see docs/follower.md
first. With dashboard:=true people choose the target in the browser: docs/dashboard.md.
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
# Fast DDS 3 reads the first variable, Fast DDS 2 the second.
FAST_DDS = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
RESPAWN_DELAY_S = 0.5

# Name, default, meaning. PARAMETERS take precedence over the file if they are given.
ARGUMENTS = (
    ("image", "image", "topic of the camera images"),
    ("camera_info", "", "topic of the calibration; empty: camera_info beside the images"),
    ("depth", "depth", "topic of depth images, registered to the images"),
    ("detections", "", "topic of a detector's boxes; empty: ~/detections_in"),
    ("params_file", str(CONFIG / "lite.yaml"), "parameters of the node, see config/"),
    ("namespace", "", "namespace of the nodes, for example the name of the camera"),
    ("autostart", "true", "configure and activate the node"),
    ("respawn", "true", "start the node again if it dies"),
    ("use_sim_time", "", "all nodes use the time of /clock; empty: as in the files"),
    ("follower", "false", "start the follower; it drives when it is enabled"),
    ("follower_params_file", str(CONFIG / "follower.yaml"), "parameters of the follower"),
    ("cmd_vel", "cmd_vel", "topic of the velocity commands"),
    ("dashboard", "false", "serve a web page to choose targets"),
    ("dashboard_params_file", str(CONFIG / "dashboard.yaml"), "parameters of the dashboard"),
    ("dashboard_history_s", "5.0", "history_s of the tracker if the dashboard is started"),
)
PARAMETERS = (
    ("model", "network: lite or resnet50; empty: as in the file"),
    ("checkpoint", "file of weights; empty: as in the file"),
    ("device", "auto, cpu, cuda or cuda:N; empty: as in the file"),
    ("engine", "what runs the network; empty: as in the file"),
    ("image_transport", "raw or compressed; empty: as in the file"),
    ("auto_follow_class", "class of detections to track, such as person; empty: as in the file"),
    ("templates_dir", "folder of saved targets; empty: as in the file"),
)


class Arguments:
    """The values of the launch arguments, read while the nodes are described.

    They cannot be read later: when a process dies, launch has left the scope of a group or of an
    included file.
    """

    def __init__(self, context):
        self._context = context

    def text(self, name):
        """Return the value as text."""
        return LaunchConfiguration(name).perform(self._context)

    def flag(self, name):
        """Return the value as a boolean; any other value ends launch."""
        return flag_argument(name, self.text(name))

    def parameters(self, file, given):
        """Return a parameter file and the values that take precedence, for launch_ros."""
        overrides = {name: value for name, value in given.items() if value != ""}
        if self.text("use_sim_time"):
            overrides["use_sim_time"] = self.flag("use_sim_time")
        return [file_argument(file, self.text(file)), *([overrides] if overrides else [])]


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
    """The tracker; it detects by itself whether it replaces one that died."""
    image = arguments.text("image")
    beside = f"{image.rpartition('/')[0]}/camera_info" if "/" in image else "camera_info"
    parameters = {name: arguments.text(name) for name, _ in PARAMETERS}
    detections = arguments.text("detections")
    parameters["autostart"] = arguments.flag("autostart")
    history_s = number_argument("dashboard_history_s", arguments.text("dashboard_history_s"))
    if arguments.flag("dashboard"):
        parameters["history_s"] = history_s
    return build_node(
        "siammask_tracker",
        executable="tracker_node",
        namespace=arguments.text("namespace"),
        parameters=arguments.parameters("params_file", parameters),
        remappings=[
            ("image", image),
            ("camera_info", arguments.text("camera_info") or beside),
            ("depth", arguments.text("depth")),
            *([("~/detections_in", detections)] if detections else []),
        ],
        respawn=arguments.flag("respawn"),
    )


def follower(arguments):
    """The follower; not restarted after a crash, so that a person looks for the cause first."""
    return build_node(
        "siammask_follower",
        executable="follower_node",
        namespace=arguments.text("namespace"),
        parameters=arguments.parameters("follower_params_file", {}),
        remappings=[("cmd_vel", arguments.text("cmd_vel"))],
    )


def dashboard(arguments):
    """The dashboard, a process of its own; it is started again if it dies."""
    transport = {"image_transport": arguments.text("image_transport")}
    return build_node(
        "siammask_dashboard",
        executable="dashboard_node",
        namespace=arguments.text("namespace"),
        parameters=arguments.parameters("dashboard_params_file", transport),
        remappings=[("image", arguments.text("image"))],
        respawn=True,
    )


def build_node(name, **node):
    """A node; if its configuration cannot be used, launch ends with the reason."""
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
    # The handler comes first, so that it misses no line.
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
