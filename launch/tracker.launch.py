"""Starts the tracker and, with autostart, configures and activates it; also after a respawn.

With follower:=true a robot drives after the target: see docs/follower.md first. With
dashboard:=true people choose the target on a page in the browser: docs/dashboard.md.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events import matches_action
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

CONFIG = Path(__file__).resolve().parent.parent / "config"
NAME = "siammask_tracker"
# Fast DDS 2 reads the last one only, Fast DDS 3 the first one.
FAST_DDS = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")

# Name, default, meaning. The parameters among them overrule the file where they are given.
ARGUMENTS = (
    ("image", "image", "topic of the camera's images"),
    ("camera_info", "", "topic of its calibration; empty: camera_info beside the images"),
    ("depth", "depth", "topic of depth images that are registered to them"),
    ("params_file", str(CONFIG / "lite.yaml"), "parameters of the node, see config/"),
    ("namespace", "", "namespace of the node, for example the camera's name"),
    ("autostart", "true", "configure and activate the node"),
    ("respawn", "true", "start the node again when it has died"),
    ("follower", "false", "drive after the target: commands on cmd_vel"),
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


def start_tracker(context):
    """The node, the events that lead it from state to state, and what follows its death."""
    autostart = is_on(context, "autostart")
    tracker = LifecycleNode(**node_of(context), name=NAME)
    configure = OnProcessStart(
        target_action=tracker, on_start=[ask_for(tracker, Transition.TRANSITION_CONFIGURE)]
    )
    activate = OnStateTransition(
        target_lifecycle_node=tracker,
        start_state="configuring",
        goal_state="inactive",
        entities=[ask_for(tracker, Transition.TRANSITION_ACTIVATE)],
        handle_once=True,  # a successor goes by the same name
    )
    # Who was killed is listed for some twenty seconds more, and would swallow an event that is
    # meant for who follows: that one starts itself.
    successor = Node(
        **node_of(context, autostart=autostart, restarted=True),
        name=NAME,
        respawn=True,
        respawn_delay=1.0,
    )
    respawn = OnProcessExit(
        target_action=tracker,
        on_exit=lambda event, context: None if context.is_shutdown else successor,
    )
    # The handlers come first: they must not miss the start.
    return [
        *(RegisterEventHandler(each) for each in (configure, activate) if autostart),
        RegisterEventHandler(respawn, condition=IfCondition(LaunchConfiguration("respawn"))),
        tracker,
    ]


def follower():
    """The node that drives; one that has died stays so, until somebody has looked why."""
    return Node(
        package="siammask_ros",
        executable="follower_node",
        name="siammask_follower",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("follower_params_file")],
        remappings=[("cmd_vel", LaunchConfiguration("cmd_vel"))],
        output="screen",
        condition=IfCondition(LaunchConfiguration("follower")),
    )


def dashboard(context):
    """The page, a process that the tracker does not know; started again when it has died."""
    if not is_on(context, "dashboard"):
        return []
    image = LaunchConfiguration("image").perform(context)
    transport = LaunchConfiguration("image_transport").perform(context)
    return [
        Node(
            package="siammask_ros",
            executable="dashboard_node",
            name="siammask_dashboard",
            namespace=LaunchConfiguration("namespace"),
            parameters=[
                LaunchConfiguration("dashboard_params_file"),
                *([{"image_transport": transport}] if transport else []),
            ],
            remappings=[("image", image), ("image/compressed", f"{image}/compressed")],
            respawn=True,
            respawn_delay=1.0,
            output="screen",
        )
    ]


def is_on(context, name):
    """Whether an argument says true."""
    return LaunchConfiguration(name).perform(context).lower() == "true"


def node_of(context, **parameters):
    """What a launched tracker is made of, with these parameters on top."""
    image = LaunchConfiguration("image").perform(context)
    beside = f"{image.rpartition('/')[0]}/camera_info" if "/" in image else "camera_info"
    camera_info = LaunchConfiguration("camera_info").perform(context) or beside
    depth = LaunchConfiguration("depth").perform(context)
    given = {name: LaunchConfiguration(name).perform(context) for name, _ in PARAMETERS}
    parameters |= {name: value for name, value in given.items() if value}
    if is_on(context, "dashboard"):
        parameters["history_s"] = float(LaunchConfiguration("choose_s").perform(context))
    return {
        "package": "siammask_ros",
        "executable": "tracker_node",
        "namespace": LaunchConfiguration("namespace"),
        "parameters": [LaunchConfiguration("params_file"), *([parameters] if parameters else [])],
        "remappings": [
            ("image", image),
            ("image/compressed", f"{image}/compressed"),
            ("camera_info", camera_info),
            ("depth", depth),
        ],
        "output": "screen",
    }


def ask_for(node, transition):
    """The event that asks a lifecycle node for a transition."""
    event = ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition)
    return EmitEvent(event=event)


def generate_launch_description():
    """What `ros2 launch siammask_ros tracker.launch.py` runs."""
    profile = str(CONFIG / "fastdds.xml")
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=about)
        for name, default, about in ARGUMENTS
    ]
    arguments += [
        DeclareLaunchArgument(name, default_value="", description=about)
        for name, about in PARAMETERS
    ]
    return LaunchDescription(
        [
            *arguments,
            *(
                SetEnvironmentVariable(name, EnvironmentVariable(name, default_value=profile))
                for name in FAST_DDS
            ),
            OpaqueFunction(function=start_tracker),
            follower(),
            OpaqueFunction(function=dashboard),
        ]
    )
